"""A message that has been read and classified: all that its octets tell, without ledger or store.

Reading and classifying cost most, and are done once a message. What may have to wait, the
proof that the ledger of sends gives, is asked of this again alone. All of this is pure, and its
values can be handed to another thread or process.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read_or_raise
from bouncegate.classifier.report import MessageType, Reading, Report
from bouncegate.classifier.verdict import Verdict
from bouncegate.config.taxonomy import Category, Kind, Reason

_NO_FAILURE: Final = Verdict(Kind.NONE, Category.UNDEFINED, Reason.UNDEFINED, "")


Classify = Callable[[bytes], "ClassifiedMessage"]
"""Reads and classifies a message."""


class ClassifiedReport(NamedTuple):
    """The fate of one recipient, and the verdict on it."""

    report: Report
    verdict: Verdict


# What a bounce tells from which no recipient could be read, so that it is kept.
_BROKEN: Final = (ClassifiedReport(Report(action=""), _NO_FAILURE),)


class ClassifiedMessage(NamedTuple):
    """One message from the return path, read and classified."""

    reading: Reading
    reports: tuple[ClassifiedReport, ...]
    """One for each recipient that the message names; one without a recipient where a bounce names
    nobody, `()` for what is no bounce."""
    raw: bytes

    @property
    def is_bounce(self) -> bool:
        """Whether the store is to keep anything of it."""
        return bool(self.reports)


def classify(raw: bytes, classifier: Classifier) -> ClassifiedMessage:
    """Read a message and classify each of its reports; any exception is a fault of ours."""
    return classify_reading(read_or_raise(raw), classifier, raw)


def unread(raw: bytes) -> ClassifiedMessage:
    """What stands for a message in whose place a fault of ours came up: a bounce of nobody's."""
    return ClassifiedMessage(Reading(MessageType.BROKEN), _BROKEN, raw)


def classify_reading(
    reading: Reading, classifier: Classifier, raw: bytes = b""
) -> ClassifiedMessage:
    """A message that was read, with the verdict on each of its reports."""
    if not reading.reports:
        return ClassifiedMessage(
            reading, _BROKEN if reading.type is MessageType.BROKEN else (), raw
        )
    reports = tuple(
        ClassifiedReport(report, _verdict(classifier, report)) for report in reading.reports
    )
    return ClassifiedMessage(reading, reports, raw)


def _verdict(classifier: Classifier, report: Report) -> Verdict:
    if not report.action and not report.recipient:
        return _NO_FAILURE
    return classifier.classify(report)
