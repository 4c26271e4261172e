"""What the words for people say about each recipient, added to its report.

The fields for machines leave out much: Postfix tells the phase of the dialogue in its words
alone, and others give a status there and the reason here.
"""

import re
from typing import Final

import msgspec

from bouncegate.classifier import limits
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.reply import phase_of
from bouncegate.classifier.report import Report

# With more recipients, a search for each would cost more than its words are worth.
_MOST: Final = 100
_BREAK: Final = re.compile(r"\n[ \t]*\n")


def explained(reports: list[Report], notification: Notification) -> list[Report]:
    """The reports with their `notice`, and with the phase where only the notice tells it."""
    text = notification.notice
    if not text.strip() or len(reports) > _MOST:
        return reports
    return [_explained(report, text, alone=len(reports) == 1) for report in reports]


def _explained(report: Report, text: str, *, alone: bool) -> Report:
    words = _about(report, text)
    phase = report.phase or phase_of(" ".join(words.split()))
    notice = text if alone else words
    return msgspec.structs.replace(report, notice=notice.strip()[: limits.DIAGNOSTIC], phase=phase)


def _about(report: Report, text: str) -> str:
    """The paragraphs that name the recipient, `""` if none does."""
    lowered = text.lower()
    for address in (report.final_recipient, report.original_recipient):
        at = lowered.rfind(address.lower()) if address else -1
        if at >= 0:
            begin = max((m.end() for m in _BREAK.finditer(text, 0, at)), default=0)
            end = _BREAK.search(text, at)
            return text[begin : end.start() if end else len(text)]
    return ""
