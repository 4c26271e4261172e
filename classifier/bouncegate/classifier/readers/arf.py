"""Complaints: the Abuse Reporting Format (RFC 5965) of a feedback loop.

Recognised by a part of type message/feedback-report. Original-Rcpt-To names the complaining
recipient; without it, the To field of the returned message does.
"""

from typing import Final

from bouncegate.classifier.addresses import find_addresses, typed_address
from bouncegate.classifier.fields import NO_FIELDS, Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.report import COMPLAINED, FEEDBACK_TYPE, NO_COMPLAINTS, Report

NAME: Final = "arf"
PATTERN: Final = ""
KIND: Final = "message/feedback-report"


def read(notification: Notification) -> list[Report]:
    """One report for each recipient who complains; one without a name if that is redacted."""
    fields = message_fields(notification)
    if not fields:
        return []
    named = typed_address(fields.get("original-rcpt-to"))
    addresses = [named] if "@" in named else find_addresses(notification.returned_fields.get("to"))
    feedback = fields.get(FEEDBACK_TYPE).strip().lower()
    return [
        Report(
            final_recipient=address,
            action=feedback if feedback in NO_COMPLAINTS else COMPLAINED,
            reporting_mta=fields.get("reporting-mta"),
            arrival=fields.get("arrival-date"),
            extra={FEEDBACK_TYPE: feedback},
            reader=NAME,
        )
        for address in addresses or [""]
    ]


def message_fields(notification: Notification) -> Fields:
    """The fields of the feedback report (RFC 5965, 3)."""
    parts = (part for part in notification.message.parts if part.kind == KIND)
    return next((Fields(part.text) for part in parts), NO_FIELDS)
