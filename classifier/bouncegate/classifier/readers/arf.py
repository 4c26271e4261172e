"""Complaints: the Abuse Reporting Format (RFC 5965) of a feedback loop.

Recognised by a part of type message/feedback-report. Original-Rcpt-To names the complaining
recipient; without it, the To field of the returned message does.
"""

from typing import Final

from bouncegate.classifier.addresses import find_addresses, typed_address
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.report import COMPLAINED, Report

NAME: Final = "arf"
PATTERN: Final = ""
KIND: Final = "message/feedback-report"


def read(notification: Notification) -> list[Report]:
    """One report for each recipient who complains."""
    parts = [part for part in notification.message.parts if part.kind == KIND]
    if not parts:
        return []
    fields = Fields(parts[0].text)
    named = typed_address(fields.get("original-rcpt-to"))
    addresses = [named] if "@" in named else find_addresses(notification.returned_fields.get("to"))
    return [
        Report(
            final_recipient=address,
            action=COMPLAINED,
            reporting_mta=fields.get("reporting-mta"),
            arrival=fields.get("arrival-date"),
            extra={"feedback-type": fields.get("feedback-type")},
            reader=NAME,
        )
        for address in addresses
    ]
