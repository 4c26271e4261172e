"""Adds to each report what the text for people says about its recipient.

The fields for machines leave out much: Postfix writes the phase of the dialogue in its text
only, and others give a status in the fields and the reason in the text.
"""

import re
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import entries
from bouncegate.classifier.reply import phase_of
from bouncegate.classifier.report import Report

# With more recipients, a search for each would cost more than its words are worth.
_MOST: Final = 100
_RULE_RUNS: Final = ("----", "====", "____", "****", "####", "~~~~")
_RULE: Final = re.compile(r"^[ \t]*[-=_*#~]{8,}", re.MULTILINE)


def annotated(reports: list[Report], notification: Notification) -> list[Report]:
    """The reports with their `notice`, and with the phase where only the notice tells it."""
    text = notification.notice.strip()
    if not text or len(reports) > _MOST:
        return reports
    if len(reports) == 1:
        return [_alone(reports[0], text)]
    told = {entry.address.lower(): entry.explanation for entry in entries(text)}
    if not any(_named(report) & told.keys() for report in reports):
        # What is said, is said of all of them.
        return [replace(report, notice=text[: limits.DIAGNOSTIC]) for report in reports]
    return [_among_others(report, told) for report in reports]


def _named(report: Report) -> set[str]:
    return {report.final_recipient.lower(), report.original_recipient.lower()}


def _alone(report: Report, text: str) -> Report:
    """A report with the whole notice."""
    words = _about(report, text)
    phase = report.phase or phase_of(" ".join(words.split()))
    return replace(report, notice=_without_footer(text, words)[: limits.DIAGNOSTIC], phase=phase)


def _among_others(report: Report, told: dict[str, str]) -> Report:
    """A report with what is said of this recipient alone."""
    final, original = report.final_recipient.lower(), report.original_recipient.lower()
    words = told.get(final, "") or told.get(original, "")
    phase = report.phase or (phase_of(words) if words else "")
    return replace(report, notice=words[: limits.DIAGNOSTIC], phase=phase)


def _without_footer(text: str, words: str) -> str:
    """The notice up to a rule behind the recipient: scanners put their own words below one."""
    if not words or not any(run in text for run in _RULE_RUNS):
        return text
    rule = _RULE.search(text, text.find(words) + len(words))
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
