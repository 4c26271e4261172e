"""A message that has been read and judged: all that its octets tell, without ledger or store.

Reading and judging are the dear part, and are done once a message. What may have to wait, the
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


Classify = Callable[[bytes], "Classified"]
"""Reads and judges a message."""


class JudgedReport(NamedTuple):
    """The fate of one recipient, and the verdict on it."""

    report: Report
    verdict: Verdict


# What a bounce tells from which no recipient could be read, so that it is kept.
_BROKEN: Final = (JudgedReport(Report(action=""), _NO_FAILURE),)


class Classified(NamedTuple):
    """One message from the return path, read and judged."""

    reading: Reading
    reports: tuple[JudgedReport, ...]
    """One for each recipient that the message names; one without a recipient where a bounce names
    nobody, `()` for what is no bounce."""
    raw: bytes

    @property
    def is_bounce(self) -> bool:
        """Whether the store is to keep anything of it."""
        return bool(self.reports)


def classify(raw: bytes, judge: Classifier) -> Classified:
    """Read a message and judge each of its reports; any exception is a fault of ours."""
    return judged(read_or_raise(raw), judge, raw)


def unread(raw: bytes) -> Classified:
    """What stands for a message in whose place a fault of ours came up: a bounce of nobody's."""
    return Classified(Reading(MessageType.BROKEN), _BROKEN, raw)


def judged(reading: Reading, judge: Classifier, raw: bytes = b"") -> Classified:
    """A message that was read, with the verdict on each of its reports."""
    if not reading.reports:
        return Classified(reading, _BROKEN if reading.nature is MessageType.BROKEN else (), raw)
    reports = tuple(JudgedReport(report, _verdict(judge, report)) for report in reading.reports)
    return Classified(reading, reports, raw)


def _verdict(judge: Classifier, report: Report) -> Verdict:
    if not report.action and not report.recipient:
        return _NO_FAILURE
    return judge.judge(report)
