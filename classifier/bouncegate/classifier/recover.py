"""Recovers the recipient of a report without an address from the text of the notice.

Some systems write a host, a local name or nothing where a recipient belongs.
"""

import re
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.registry import STANDARDS, candidates
from bouncegate.classifier.report import Report

_ADDRESS: Final = re.compile(r".@.")


def recovered(reports: list[Report], notification: Notification) -> list[Report]:
    """The reports; a single one without an address gets the address that the notice names."""
    if len(reports) != 1 or _ADDRESS.search(reports[0].recipient):
        return reports
    named = _named(notification) or _addressed(notification, reports[0].final_recipient)
    return [replace(reports[0], final_recipient=named)] if named else reports


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
