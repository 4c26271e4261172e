"""The standard report: fields for machines as RFC 3464 has them (RFC 6533 for UTF-8 addresses).

Recognised by a part of type message/delivery-status or message/global-delivery-status, or by
its fields among the words of a notice. Each recipient has a group of fields; systems forget
the blank line between groups, put one where none belongs, or forget fields that the RFC
requires: a group is taken for what it says.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import typed_address
from bouncegate.classifier.message import Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.reply import STATUS, dissect
from bouncegate.classifier.report import Report

NAME: Final = "rfc3464"

_BLANK: Final = re.compile(rb"\n[ \t]*\n")
_RECIPIENT_LINE: Final = re.compile(
    rb"^(?:final|original)-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE
)
# RFC 3464, 2.3.3 knows five actions. Others occur: OpenSMTPD wrote `error`, some write a
# sentence or a wrong tense.
_ACTIONS: Final = (
    ("fail", "failed"), ("error", "failed"), ("perm", "failed"), ("bounce", "failed"), ("reject", "failed"),
    ("delay", "delayed"), ("defer", "delayed"), ("temp", "delayed"), ("deliverable", "delivered"),
    ("deliver", "delivered"), ("relay", "relayed"), ("expand", "expanded"), ("success", "delivered"),
)  # fmt: skip
_KNOWN: Final = frozenset(
    {
        b"original-recipient", b"final-recipient", b"action", b"status", b"remote-mta",
        b"diagnostic-code", b"reporting-mta", b"arrival-date", b"original-envelope-id",
    }
)  # fmt: skip


def read(notification: Notification) -> list[Report]:
    """One report for each group of recipient fields."""
    reports: list[Report] = []
    for octets in notification.status:
        _read_part(octets, reports)
    return reports


def message_fields(notification: Notification) -> Fields:
    """The fields about the message as a whole (RFC 3464, 2.2)."""
    if not notification.status:
        return Fields(b"")
    return Fields(notification.status[0][: 16 * limits.VALUE])


def _read_part(octets: bytes, reports: list[Report]) -> None:
    common = Fields(b"")
    for group in _groups(octets):
        fields = Fields(group)
        if not fields:
            continue
        if b"reporting-mta" in fields or not common:
            common = fields
        if b"final-recipient" in fields or b"original-recipient" in fields:
            reports.append(_report(fields, common))
        elif reports and (
            b"diagnostic-code" in fields or b"status" in fields or b"action" in fields
        ):
            reports[-1] = _completed(reports[-1], fields)
        if len(reports) >= limits.RECIPIENTS:
            return


def _groups(octets: bytes) -> list[bytes]:
    """Groups of fields: split at blank lines, and where a second recipient begins."""
    groups: list[bytes] = []
    for group in _BLANK.split(b"\n" + octets):
        starts = [m.start() for m in _RECIPIENT_LINE.finditer(group)]
        if len(starts) < 2:
            groups.append(group)
            continue
        groups += _split_recipients(group, starts)
    return groups


def _split_recipients(group: bytes, starts: list[int]) -> list[bytes]:
    """A group that has run together, cut before each field that would name a second recipient."""
    pieces: list[bytes] = []
    begin = 0
    seen: set[bytes] = set()
    for start in starts:
        name = group[start : start + 5].lower()
        if name in seen:
            pieces.append(group[begin:start])
            begin, seen = start, set()
        seen.add(name)
    pieces.append(group[begin:])
    return pieces


def _report(fields: Fields, common: Fields) -> Report:
    diagnostic = _diagnostic(fields)
    reply = dissect(diagnostic) if diagnostic else None
    status = STATUS.search(fields.get(b"status"))
    return Report(
        final_recipient=typed_address(fields.get(b"final-recipient")),
        original_recipient=typed_address(fields.get(b"original-recipient")),
        action=_action(fields, status[1] if status else ""),
        status=status[1] if status else "",
        diagnostic=diagnostic,
        reply_code=reply.code if reply else "",
        phase=reply.phase if reply else "",
        reporting_mta=_typed(fields.get(b"reporting-mta") or common.get(b"reporting-mta")),
        remote_mta=_typed(fields.get(b"remote-mta")) or (reply.host if reply else ""),
        arrival=common.get(b"arrival-date")[: limits.VALUE],
        extra=_extra(fields),
        reader=NAME,
    )


def _completed(report: Report, fields: Fields) -> Report:
    """A report with the fields of a group that a stray blank line cut off."""
    diagnostic = report.diagnostic or _diagnostic(fields)
    status = STATUS.search(fields.get(b"status"))
    found = status[1] if status else ""
    return Report(
        final_recipient=report.final_recipient,
        original_recipient=report.original_recipient,
        action=_action(fields, found) if b"action" in fields else report.action,
        status=report.status or found,
        diagnostic=diagnostic,
        reply_code=report.reply_code or dissect(diagnostic).code,
        phase=report.phase or dissect(diagnostic).phase,
        reporting_mta=report.reporting_mta,
        remote_mta=report.remote_mta or _typed(fields.get(b"remote-mta")),
        arrival=report.arrival,
        extra=report.extra or _extra(fields),
        reader=NAME,
    )


def _action(fields: Fields, status: str) -> str:
    """One of the five actions; by the class of the status where the field is missing."""
    value = fields.get(b"action").lower()
    for word, action in _ACTIONS:
        if word in value:
            return action
    return {"2": "delivered", "4": "delayed"}.get(status[:1], "failed") if not value else "failed"


def _diagnostic(fields: Fields) -> str:
    """The text of Diagnostic-Code without its type (RFC 3464, 2.3.6)."""
    value = fields.get(b"diagnostic-code")[: limits.DIAGNOSTIC]
    kind, semicolon, text = value.partition(";")
    return text.strip() if semicolon and " " not in kind.strip() else value


def _typed(value: str) -> str:
    """The name in a field such as `dns; mx.example.com` (RFC 3464, 2.2.2)."""
    _, semicolon, name = value.partition(";")
    return (name if semicolon else value).strip()[: limits.VALUE]


def _extra(fields: Fields) -> dict[str, str]:
    unknown = [name for name in fields.names if name not in _KNOWN][: limits.EXTRA_FIELDS]
    return {name.decode("ascii"): fields.get(name)[: limits.VALUE] for name in unknown}
