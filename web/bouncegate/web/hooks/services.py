"""The webhooks of sending services: how each is authenticated, and where it names our message.

The formats are written down from memory of the services' public documents, not looked up.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

Event = dict[str, Any]

MOST_EVENTS: Final = 1000
"""Of one call; the largest batch of the services here."""
_OLDEST: Final = 15 * 60
"""Seconds; a signature that is older could have been recorded."""


class Service(NamedTuple):
    """One service. A path is keys joined by dots; of several, the first that is there counts."""

    message_id: tuple[str, ...]
    """Where it quotes our Message-ID; nowhere: its bounces cannot be proven."""
    is_signed: bool = False
    """Whether it signs what it sends with the secret, instead of sending it."""


SERVICES: Final = {
    "ses": Service(("mail.commonHeaders.messageId",)),
    "sendgrid": Service(("smtp-id",)),
    "mailgun": Service(("event-data.message.headers.message-id",), is_signed=True),
    "brevo": Service(("message-id",)),
    "postmark": Service(("Metadata.message-id", "Headers.Message-ID")),
    "sparkpost": Service(("msys.message_event.rcpt_meta.message-id",)),
}


def events_of(body: bytes) -> Iterator[Event]:
    """The events of one call: an array of them, or one; raises ValueError.

    What SNS wraps is taken out.
    """
    found = msgspec.json.decode(body)
    several = found if isinstance(found, list) else [found]
    if len(several) > MOST_EVENTS:
        raise ValueError(f"more than {MOST_EVENTS} events")
    for one in several:
        if not isinstance(one, dict):
            raise ValueError("an event is no object")
        yield _unwrapped(one)


def _unwrapped(event: Event) -> Event:
    """The event that SNS has put into another as text; any other as it is."""
    inner = event.get("Message")
    try:
        found = msgspec.json.decode(inner) if isinstance(inner, str) else event
    except ValueError:
        return event
    return found if isinstance(found, dict) else event


def message_id_of(event: Event, service: Service) -> str:
    """Our Message-ID with its brackets, as far as the service quotes it; else empty."""
    for path in service.message_id:
        value: object = event
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and "@" in value:
            bare = value.strip().strip("<>")
            if bare.isascii() and bare.isprintable() and " " not in bare and len(bare) <= 400:
                return f"<{bare}>"
    return ""


def is_signed_by(secret: str, body: bytes, now: int) -> bool:
    """Whether Mailgun signed the call: HMAC-SHA256 of timestamp and token, lately."""
    try:
        signature = msgspec.json.decode(body)["signature"]
        timestamp, token, digest = (signature[key] for key in ("timestamp", "token", "signature"))
        is_late = abs(now - int(timestamp)) > _OLDEST
    except (ValueError, TypeError, KeyError, IndexError):
        return False
    if is_late or not all(isinstance(one, str) for one in (timestamp, token, digest)):
        return False
    right = hmac.new(secret.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(right.encode(), digest.encode())
