"""What the words for people say about each recipient, added to its report.

The fields for machines leave out much: Postfix tells the phase of the dialogue in its words
alone, and others give a status there and the reason here.
"""

import re
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.reply import phase_of
from bouncegate.classifier.report import Report

# With more recipients, a search for each would cost more than its words are worth.
_MOST: Final = 100
# How Postfix ends the paragraph on a recipient.
_QUOTED: Final = "(in reply to "
_RULE: Final = re.compile(r"^[ \t]*[-=_*#~]{8,}", re.MULTILINE)


def explained(reports: list[Report], notification: Notification) -> list[Report]:
    """The reports with their `notice`, and with the phase where only the notice tells it."""
    text = notification.notice.strip()
    if not text or len(reports) > _MOST:
        return reports
    alone = len(reports) == 1
    return [_explained(report, text, alone=alone) for report in reports]


def _explained(report: Report, text: str, *, alone: bool) -> Report:
    words = _about(report, text)
    phase = report.phase or (phase_of(" ".join(words.split())) if alone or _QUOTED in words else "")
    notice = (_without_footer(text, words) if alone else words)[: limits.DIAGNOSTIC]
    return replace(report, notice=notice, phase=phase)


def _without_footer(text: str, words: str) -> str:
    """The notice up to a rule behind the recipient: scanners put their own words below one."""
    rule = _RULE.search(text, text.find(words) + len(words)) if words else None
    return text[: rule.start()] if rule else text


def _about(report: Report, text: str) -> str:
    """The paragraph that names the recipient last, `""` if none does."""
    for address in (report.final_recipient, report.original_recipient):
        at = text.rfind(address) if address else -1
        if at < 0 < len(address):
            at = text.lower().rfind(address.lower())
        if at >= 0:
            begin = text.rfind("\n\n", 0, at)
            end = text.find("\n\n", at)
            return text[begin + 2 if begin >= 0 else 0 : end if end >= 0 else len(text)]
    return ""
