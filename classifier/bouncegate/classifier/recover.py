"""Recovers the recipient of a report that names none from the text of the notice.

Some systems write a host, a local name, the command that an alias runs or nothing where a recipient
belongs, others the sender: the address to which the notice itself is delivered. That one has not
failed.
"""

import re
from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import find_addresses, typed_address
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.registry import STANDARDS, candidates
from bouncegate.classifier.report import NOT_FAILURES, Report

_ADDRESS: Final = re.compile(r".@.")
# A pipe to a program, as Exim and Sendmail write it; its arguments may be addresses.
_COMMAND: Final = re.compile(r"(?:[\w-]{1,40}; ?)?[\"'(<]{0,2}\|[ \"']{0,2}/\S")
_LONGEST: Final = 8 * limits.VALUE
_NOBODY: Final[set[str]] = set()


def recovered(reports: list[Report], notification: Notification) -> list[Report]:
    """The reports; a single one without a recipient gets the address that the notice names.

    A report about the sender that cannot be recovered is left out.
    """
    if not _may_concern_sender(reports, notification):
        return reports
    mailed = _mailed(notification)
    senders = _return_paths(notification) - mailed if mailed else _NOBODY
    if len(reports) != 1:
        return [report for report in reports if not _is_about(report, senders)]
    about_sender = _is_about(reports[0], senders)
    if _has_address(reports[0].recipient) and not about_sender:
        return _without_author(reports[0], notification, mailed)
    named = _named(notification) or _addressed(notification, reports[0].final_recipient)
    if not named or named.lower() in senders:
        return [] if about_sender else reports
    original = "" if about_sender else reports[0].original_recipient
    return [replace(reports[0], final_recipient=named, original_recipient=original)]


def _may_concern_sender(reports: list[Report], notification: Notification) -> bool:
    """Whether a report has no recipient, or one whose name is in a field of the sender."""
    returned = notification.returned_fields
    own = notification.message.fields.get("to")
    fields = f"{own} {returned.get('return-path')} {returned.get('from')}".lower()
    for report in reports:
        recipient = report.recipient
        if recipient.lower() in fields or not _has_address(recipient):
            return True
    return False


def _has_address(recipient: str) -> bool:
    return bool(_ADDRESS.search(recipient)) and not _COMMAND.match(recipient)


def _without_author(report: Report, notification: Notification, mailed: set[str]) -> list[Report]:
    """A report about the author, who may be among those mailed, unless the notice names another."""
    # If nothing is returned, the notice alone can name another than the return path.
    field = (
        notification.returned_fields.get("from")
        if mailed
        else notification.message.fields.get("to")[:_LONGEST]
    )
    recipient = report.recipient.lower()
    is_sender = recipient in map(str.lower, find_addresses(field))
    if not is_sender or recipient in mailed or recipient in notification.notice.lower():
        return [report]
    named = _named(notification)
    if not named or (mailed and named.lower() not in mailed):
        return [report]
    return [replace(report, final_recipient=named, original_recipient="")]


def _is_about(report: Report, senders: Collection[str]) -> bool:
    return report.recipient.lower() in senders and report.action not in NOT_FAILURES


def _mailed(notification: Notification) -> set[str]:
    """The addresses to which the returned message was sent, as far as its header tells."""
    fields = notification.returned_fields
    return {a.lower() for a in find_addresses(_joined(fields, "to", "cc", "bcc"))}


def _return_paths(notification: Notification) -> set[str]:
    """The addresses to which the notice came."""
    path = typed_address(notification.returned_fields.get("return-path"))
    own = find_addresses(notification.message.fields.get("to")[:_LONGEST])
    return {address.lower() for address in (*own, path) if "@" in address}


def _joined(fields: Fields, *names: str) -> str:
    return ", ".join(fields.get(name) for name in names)[:_LONGEST]


def _named(notification: Notification) -> str:
    for reader in candidates(notification):
        found = reader.read(notification) if reader not in STANDARDS else []
        if found:
            return found[0].final_recipient if len(found) == 1 else ""
    return ""


def _addressed(notification: Notification, local: str) -> str:
    """The only addressee of the returned message, or the only one with that local part."""
    addresses = find_addresses(notification.returned_fields.get("to"))
    if len(addresses) == 1:
        return addresses[0]
    same = [a for a in addresses if a.partition("@")[0].lower() == local.lower()]
    return same[0] if len(same) == 1 else ""
