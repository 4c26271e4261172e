"""Adds to each report the text of the notice about its recipient.

The delivery-status fields omit much: only in the notice Postfix writes the SMTP phase, and Sendmail
the alias that was mailed; other systems give the status in the fields but the reason in the notice.
"""

import re
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import alias_in, entries
from bouncegate.classifier.reply import phase_of
from bouncegate.classifier.report import Report

# With more recipients, a search for each costs too much.
_MOST: Final = 100
_RULE_RUNS: Final = ("----", "====", "____", "****", "####", "~~~~")
_RULE: Final = re.compile(r"^[ \t]*[-=_*#~]{8,}", re.MULTILINE)


def annotated(reports: list[Report], notification: Notification) -> list[Report]:
    """The reports with their `notice`, and with the phase if only the notice has it."""
    text = notification.notice.strip()
    if not text or len(reports) > _MOST:
        return reports
    if len(reports) == 1:
        return [_alone(reports[0], text)]
    explanations = {entry.address.lower(): entry.explanation for entry in entries(text)}
    if not any(_named(report) & explanations.keys() for report in reports):
        # The notice is about all recipients.
        return [replace(report, notice=text[: limits.DIAGNOSTIC]) for report in reports]
    return [_among_others(report, explanations) for report in reports]


def _named(report: Report) -> set[str]:
    return {report.final_recipient.lower(), report.original_recipient.lower()}


def _alone(report: Report, text: str) -> Report:
    """A report with the whole notice."""
    words = _about(report, text)
    line = " ".join(words.split())
    return replace(
        report,
        notice=_without_footer(text, words)[: limits.DIAGNOSTIC],
        phase=report.phase or phase_of(line),
        original_recipient=report.original_recipient or alias_in(line),
    )


def _among_others(report: Report, explanations: dict[str, str]) -> Report:
    """A report with the explanation of this recipient alone."""
    final, original = report.final_recipient.lower(), report.original_recipient.lower()
    words = explanations.get(final, "") or explanations.get(original, "")
    phase = report.phase or (phase_of(words) if words else "")
    return replace(
        report,
        notice=words[: limits.DIAGNOSTIC],
        phase=phase,
        original_recipient=report.original_recipient or alias_in(words),
    )


def _without_footer(text: str, words: str) -> str:
    """The notice up to a horizontal rule after the recipient: scanners add text below one."""
    if not words or not any(run in text for run in _RULE_RUNS):
        return text
    rule = _RULE.search(text, text.find(words) + len(words))
    return text[: rule.start()] if rule else text


def _about(report: Report, text: str) -> str:
    """The last paragraph that names the recipient, `""` if none does."""
    for address in (report.final_recipient, report.original_recipient):
        at = text.rfind(address) if address else -1
        if at < 0 < len(address):
            at = text.lower().rfind(address.lower())
        if at >= 0:
            begin = text.rfind("\n\n", 0, at)
            end = text.find("\n\n", at)
            return text[begin + 2 if begin >= 0 else 0 : end if end >= 0 else len(text)]
    return ""
