"""A message parsed and classified: all that follows from its octets, without ledger or store.

Parsing and classifying are the most expensive steps, and are done once per message. The proof from
the ledger of sends may have to wait, and only that step is repeated. All functions are pure, and
their values can be passed to another thread or process.
"""

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from bouncegate.classifier.aliases import one_failure_each
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read, read_or_raise
from bouncegate.classifier.report import MessageType, Reading, Report
from bouncegate.classifier.verdict import Verdict
from bouncegate.config.rules import load_rules
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason

Classify = Callable[[bytes], "ClassifiedMessage"]
"""Reads and classifies a message."""


class ClassifiedReport(NamedTuple):
    """The outcome for one recipient, and the verdict on it."""

    report: Report
    verdict: Verdict

    @property
    def recipient(self) -> str:
        """The address that was mailed, as far as the report has it; may be empty."""
        return self.report.recipient

    @property
    def kind(self) -> Kind:
        """How lasting the failure is."""
        return self.verdict.kind

    @property
    def category(self) -> Category:
        """What the failure concerns."""
        return self.verdict.category

    @property
    def reason(self) -> Reason:
        """The general reason."""
        return self.verdict.reason

    @property
    def detail(self) -> Reason:
        """The finest reason that is known."""
        return self.verdict.detail

    @property
    def blamed(self) -> Blame:
        """Who has to act for the next message to arrive."""
        return self.verdict.blamed

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 3463), `""` if there is none."""
        return self.report.status

    @property
    def action(self) -> str:
        """The action (RFC 3464, 2.3.3); complaint for ARF."""
        return self.report.action

    @property
    def rule(self) -> str:
        """The id of the rule that decided."""
        return self.verdict.rule


class ClassifiedMessage(NamedTuple):
    """One message from the return path, read and classified."""

    reading: Reading
    reports: tuple[ClassifiedReport, ...] = ()
    """One for each recipient that the message names; `()` for what is no bounce, and for a bounce
    that names no recipient."""
    raw: bytes = b""

    @property
    def type(self) -> MessageType:
        """What kind of message it is, and so why it is, or is not, a bounce."""
        return self.reading.type

    @property
    def is_bounce(self) -> bool:
        """Whether it reports the fate of a recipient, even if none could be read from it."""
        return bool(self.reports) or self.type is MessageType.BROKEN


def classify(message: bytes, classifier: Classifier | None = None) -> ClassifiedMessage:
    """Read a message and classify each of its reports, by the shipped rules if no others are given.

    Never raises, and reads a bounded part of the message (`bouncegate.classifier.limits`).
    """
    return classify_reading(read(message), classifier or _shipped(), message)


def classify_reply(reply: str, classifier: Classifier | None = None) -> Verdict:
    """Classify the reply of an SMTP server, or a diagnostic that quotes one."""
    return (classifier or _shipped()).classify_reply(reply)


def classify_or_raise(message: bytes, classifier: Classifier) -> ClassifiedMessage:
    """As `classify`, but a defect of a reader shows: the return path sets the message aside."""
    return classify_reading(read_or_raise(message), classifier, message)


def classify_reading(
    reading: Reading, classifier: Classifier, raw: bytes = b""
) -> ClassifiedMessage:
    """A message that was read, with the verdict on each of its reports; one for each alias."""
    told = [(report, classifier.classify(report)) for report in reading.reports]
    if not reading.is_of_own_postfix:
        told = one_failure_each(told)
    return ClassifiedMessage(reading, tuple(ClassifiedReport(*one) for one in told), raw)


_MISREAD: Final = Reading(MessageType.BROKEN)


def unreadable(raw: bytes) -> ClassifiedMessage:
    """Stands for a message that could not be read: a bounce that names no recipient."""
    return ClassifiedMessage(_MISREAD, (), raw)


@cache
def _shipped() -> Classifier:
    return Classifier(load_rules())
