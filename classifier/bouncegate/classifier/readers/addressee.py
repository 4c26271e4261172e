"""The last resort: a notice of failure that names no recipient, but returns a message to one.

Recognised by a phrase of failure in the notice or its subject, and a single address in the To field
of the returned header.
"""

from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.phrases import FAILURE
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "addressee"


def read(notification: Notification) -> list[Report]:
    """The addressee of the returned message."""
    addresses = find_addresses(notification.returned_fields.get("to"))
    if len(addresses) != 1:
        return []
    notice = notification.line[: limits.DIAGNOSTIC]
    if not FAILURE.occur(f"{notification.message.subject}. {notice}"):
        return []
    action = "delayed" if is_delay(notification) else "failed"
    return reports([RecipientBlock(addresses[0], notice)], NAME, action)
