"""The identity of the returned message, as far as a bounce has it: enough to find the message."""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import find_addresses, typed_address
from bouncegate.classifier.fields import Fields
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers import arf, rfc3464
from bouncegate.classifier.report import Original
from bouncegate.config.mailingheaders import RETURNED

# Fields by which an operator's system identifies its mailings.
KEPT: Final = frozenset((
    "subject", "from", "date", "list-id", "list-unsubscribe", "x-mailer-recptid",
    "x-csa-complaints", "precedence", *RETURNED,
))  # fmt: skip
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,996}>")
_LONGEST_TO: Final = 8 * limits.VALUE
_MOST_RECIPIENTS: Final = 100


def read_original(notification: Notification) -> Original:
    """The original message, by the status fields and the returned header."""
    status = rfc3464.message_fields(notification)
    feedback = arf.message_fields(notification)
    fields = notification.returned_fields
    sender = (
        status.get("x-postfix-sender")
        or feedback.get("original-mail-from")
        or fields.get("return-path")
    )
    kept = sorted(KEPT.intersection(fields.names))
    return Original(
        message_id=_message_id(fields.get("message-id") or status.get("original-message-id")),
        envelope_id=status.get("original-envelope-id")[: limits.VALUE],
        queue_id=status.get("x-postfix-queue-id")[: limits.VALUE],
        sender=typed_address(sender),
        recipients=_recipients(fields),
        headers={n: fields.words(n)[: limits.VALUE] for n in kept},
    )


def _message_id(value: str) -> str:
    match = _MESSAGE_ID.search(value)
    return match[0] if match else value[: limits.VALUE]


def _recipients(fields: Fields) -> tuple[str, ...]:
    text = f"{fields.get('to')}, {fields.get('cc')}"[:_LONGEST_TO]
    return tuple(find_addresses(text)[:_MOST_RECIPIENTS])
