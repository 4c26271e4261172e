"""The standard report: delivery-status fields of RFC 3464 (RFC 6533 for UTF-8 addresses).

Recognised by a part of type message/delivery-status or message/global-delivery-status, or by its
fields within the text of a notice. Each recipient has a group of fields. Some systems omit the
blank line between groups, add one within a group, or omit required fields; such groups are read
too.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import typed_address
from bouncegate.classifier.fields import NO_FIELDS, Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.diagnostic import STANDARD, diagnostic_of
from bouncegate.classifier.reply import STATUS, dissect
from bouncegate.classifier.report import Report

NAME: Final = "rfc3464"
PATTERN: Final = ""

_BLANK: Final = re.compile(r"\n[ \t]*\n")
_RECIPIENT_LINE: Final = re.compile(
    r"^(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE
)
# RFC 3464, 2.3.3 defines five actions. Others occur: OpenSMTPD wrote `error`, some write a
# sentence or a wrong tense.
_ACTIONS: Final = (
    ("fail", "failed"), ("error", "failed"), ("perm", "failed"), ("bounce", "failed"),
    ("reject", "failed"), ("delay", "delayed"), ("defer", "delayed"), ("temp", "delayed"),
    ("undeliver", "failed"), ("deliver", "delivered"), ("relay", "relayed"),
    ("expand", "expanded"), ("success", "delivered"),
)  # fmt: skip

_XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")
_RECIPIENT_FIELDS: Final = frozenset({"final-recipient", "original-recipient"})


def read(notification: Notification) -> list[Report]:
    """One report for each group of recipient fields."""
    reports: list[Report] = []
    for text in notification.status:
        _read_part(text, reports)
    return reports


def message_fields(notification: Notification) -> Fields:
    """The fields about the message as a whole (RFC 3464, 2.2)."""
    if not notification.status:
        return NO_FIELDS
    text = notification.status[0]
    blank = _BLANK.search(text)
    return Fields(text[: blank.start()] if blank else text)


def _read_part(text: str, reports: list[Report]) -> None:
    common = NO_FIELDS
    for group in _groups(text):
        fields = Fields(group)
        if not fields:
            continue
        if "reporting-mta" in fields or not common:
            common = fields
        if "final-recipient" in fields or "original-recipient" in fields:
            reports.append(_report(fields, common))
        elif reports and ("diagnostic-code" in fields or "status" in fields or "action" in fields):
            reports[-1] = _completed(reports[-1], fields)
        if len(reports) >= limits.RECIPIENTS:
            return


def _groups(text: str) -> list[str]:
    """The groups of fields: split at blank lines, and where a second recipient begins."""
    groups: list[str] = []
    # Blank lines with white space in them are rare.
    blank = "\n \n" in text or "\n\t" in text
    for group in _BLANK.split("\n" + text) if blank else f"\n{text}".split("\n\n"):
        lowered = group.lower()
        if lowered.count("final-recipient") < 2 and lowered.count("original-recipient") < 2:
            groups.append(group)
        else:
            groups += _split_recipients(group)
    return groups


def _split_recipients(group: str) -> list[str]:
    """A merged group, split before each field that would name a second recipient."""
    pieces: list[str] = []
    begin = 0
    seen: set[str] = set()
    for match in _RECIPIENT_LINE.finditer(group):
        start = match.start()
        name = group[start : start + 5].lower()
        if name in seen:
            pieces.append(group[begin:start])
            begin, seen = start, set()
        seen.add(name)
    pieces.append(group[begin:])
    return pieces


def _report(fields: Fields, common: Fields) -> Report:
    # Some systems write what holds for all recipients above the first of them.
    above = common if _RECIPIENT_FIELDS.isdisjoint(common.names) else NO_FIELDS
    diagnostic = diagnostic_of(fields) or diagnostic_of(above)
    reply = dissect(diagnostic) if diagnostic else None
    status = STATUS.search((fields.get("status") or above.get("status"))[: limits.VALUE])
    final = typed_address(fields.get("final-recipient"))
    return Report(
        final_recipient=final,
        original_recipient=_decoded(typed_address(fields.get("original-recipient")), final),
        action=_action(fields if "action" in fields else above, status[0] if status else ""),
        status=status[0] if status else "",
        diagnostic=diagnostic,
        reply_code=reply.code if reply else "",
        phase=reply.phase if reply else "",
        reporting_mta=_typed(fields.get("reporting-mta") or common.get("reporting-mta")),
        remote_mta=_typed(fields.get("remote-mta")) or (reply.host if reply else ""),
        arrival=common.get("arrival-date")[: limits.VALUE],
        extra=_extra(fields),
        reader=NAME,
    )


def _decoded(original: str, final: str) -> str:
    """The original recipient without xtext (RFC 3461, 4), in which some gateways leave it.

    It is decoded only into the final recipient: an address may have a plus sign and digits.
    """
    if "+" in original and _XTEXT.sub(lambda m: chr(int(m[1], 16)), original) == final:
        return final
    return original


def _completed(report: Report, fields: Fields) -> Report:
    """A report completed with the fields of a group that a stray blank line separated."""
    diagnostic = report.diagnostic or diagnostic_of(fields)
    status = STATUS.search(fields.get("status")[: limits.VALUE])
    found = status[0] if status else ""
    return Report(
        final_recipient=report.final_recipient,
        original_recipient=report.original_recipient,
        action=_action(fields, found) if "action" in fields else report.action,
        status=report.status or found,
        diagnostic=diagnostic,
        reply_code=report.reply_code or dissect(diagnostic).code,
        phase=report.phase or dissect(diagnostic).phase,
        reporting_mta=report.reporting_mta,
        remote_mta=report.remote_mta or _typed(fields.get("remote-mta")),
        arrival=report.arrival,
        extra=report.extra or _extra(fields),
        reader=NAME,
    )


def _action(fields: Fields, status: str) -> str:
    """One of the five actions; derived from the class of the status if the field is missing."""
    value = fields.get("action").lower()
    for word, action in _ACTIONS:
        if word in value:
            return action
    return {"2": "delivered", "4": "delayed"}.get(status[:1], "failed") if not value else "failed"


def _typed(value: str) -> str:
    """The name in a field such as `dns; mx.example.com` (RFC 3464, 2.2.2)."""
    _, semicolon, name = value.partition(";")
    return (name if semicolon else value).strip()[: limits.VALUE]


def _extra(fields: Fields) -> dict[str, str]:
    unknown = sorted(fields.names - STANDARD)[: limits.EXTRA_FIELDS]
    return {name[:128]: fields.get(name)[: limits.VALUE] for name in unknown}
