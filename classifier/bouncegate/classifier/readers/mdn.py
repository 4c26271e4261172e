"""A refusal in the form of an MDN: Dovecot, Cyrus and others that support Sieve's reject.

Recognised by a part of type message/disposition-notification in a message that `messagetype`
classified as a refusal (RFC 5429, 2.1.2; RFC 8098, 3.2.4 defines the recipient's fields).
"""

import re
from typing import Final

from bouncegate.classifier.addresses import typed_address
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "disposition"
PATTERN: Final = ""
KIND: Final = "message/disposition-notification"

_SEEN: Final = re.compile(r";\s*(?:displayed|dispatched|processed)\b", re.IGNORECASE)


def may_refuse(message: Message) -> bool:
    """Whether the receipt does not say that the recipient got the message (RFC 8098, 3.2.6)."""
    receipts = (Fields(part.text) for part in message.parts if part.kind == KIND)
    return not any(_SEEN.search(fields.get("disposition")) for fields in receipts)


def read(notification: Notification) -> list[Report]:
    """The recipient who refused the message."""
    for part in notification.message.parts:
        if part.kind == KIND:
            fields = Fields(part.text)
            address = typed_address(
                fields.get("original-recipient") or fields.get("final-recipient")
            )
            if "@" in address:
                return reports([RecipientBlock(address, notification.line)], NAME)
    return []
