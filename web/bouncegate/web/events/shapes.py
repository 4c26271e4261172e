"""The forms in which events are sent: ours, CloudEvents, and those that other programs read.

A form of another service tells what that service tells: a program that acts upon a bounce must not
be told one that blames the sender, or one that nothing proves. What a form has no word for is left
out (`None`), and counts as delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.web.events.event import (
    AddressLocked,
    AddressUnlocked,
    BounceReceived,
    ComplaintReceived,
    Event,
    encoded,
)

Shape = Callable[[Event], Any | None]

_SOURCE: Final = "urn:bouncegate:"
_TYPE: Final = "org.bouncegate."
_TELLING: Final = frozenset(
    {
        *("locked", "locked-already", "counted", "needs-another-day"),
        *("same-day", "delivered-since", "never-locks"),
    }
)
"""What a bounce may have done that says something of its recipient."""


def plain(event: Event) -> Any:
    """The form of ours."""
    return event


def cloudevents(event: Event) -> Any:
    """CloudEvents 1.0 in the structured form of JSON."""
    found = {
        "specversion": "1.0",
        "id": event.id,
        "source": _SOURCE + event.id.rsplit("-", 2)[0],
        "type": _TYPE + event.type,
        "time": event.timestamp,
        "sequence": str(event.sequence),
        "datacontenttype": "application/json",
        "data": event.data,
    }
    return found | ({"subject": event.address} if event.address else {})


def listmonk(event: Event) -> Any | None:
    """`POST /webhooks/bounce` of listmonk, which counts and blocks by itself."""
    data = event.data
    if event.type == ComplaintReceived.type:
        kind = "complaint"
    elif event.type == BounceReceived.type and data["effect"] in _TELLING:
        kind = data["kind"]
    else:
        return None
    if kind == "blocked":
        return None
    meta = {key: data.get(key) for key in ("reason", "status", "diagnostic", "mailing")}
    return {
        "email": event.address,
        "source": "bouncegate",
        "type": kind,
        "meta": encoded(meta).decode(),
    }


# Postmark's TypeCode: HardBounce, SoftBounce, SpamComplaint, Blocked.
_POSTMARK: Final = {
    "hard": (1, "HardBounce", "Hard bounce"),
    "soft": (4096, "SoftBounce", "Soft bounce"),
    "complaint": (512, "SpamComplaint", "Spam complaint"),
    "blocked": (100006, "Blocked", "ISP block"),
}


def postmark(event: Event) -> Any | None:
    """The webhooks `Bounce`, `SpamComplaint` and `SubscriptionChange` of Postmark."""
    data = event.data
    if event.type in (AddressLocked.type, AddressUnlocked.type):
        if data["scope"] is not None:  # a stream of theirs has one list alone
            return None
        return {
            "RecordType": "SubscriptionChange",
            "MessageID": "",
            "ServerID": 0,
            "MessageStream": "outbound",
            "ChangedAt": event.timestamp,
            "Recipient": event.address,
            "Origin": "Customer" if data["by"] else "Recipient",
            "SuppressSending": event.type == AddressLocked.type,
            "SuppressionReason": _suppression(data) if event.type == AddressLocked.type else None,
            "Tag": "",
            "Metadata": {},
        }
    if event.type not in (BounceReceived.type, ComplaintReceived.type):
        return None
    if event.type == BounceReceived.type and not _says_something(data):
        return None
    complains = event.type == ComplaintReceived.type
    code, type_, name = _POSTMARK["complaint" if complains else data["kind"]]
    return {
        "RecordType": "SpamComplaint" if complains else "Bounce",
        "ID": event.sequence,
        "Type": type_,
        "TypeCode": code,
        "Name": name,
        "Tag": data["mailing"] or "",
        "MessageID": data["message_id"] or "",
        "ServerID": 0,
        "MessageStream": "outbound",
        "Description": "" if complains else REASONS[Reason(data["reason"])].meaning,
        "Details": data.get("diagnostic") or "",
        "Email": event.address,
        "From": "",
        "BouncedAt": event.timestamp,
        "DumpAvailable": False,
        "Inactive": data["effect"] in ("locked", "locked-already"),
        "CanActivate": not complains,
        "Subject": "",
        "Metadata": {},
    }


def _suppression(data: dict[str, Any]) -> str:
    if data["kind"] == "complaint":
        return "SpamComplaint"
    return "ManualSuppression" if data["origin"] == "manual" else "HardBounce"


def _says_something(data: dict[str, Any]) -> bool:
    """Whether a bounce tells of its recipient, or of a block, which has a type of its own."""
    return data["effect"] in _TELLING or data["kind"] == "blocked"


def sendgrid(event: Event) -> Any | None:
    """The Event Webhook of SendGrid: an array, here of one event."""
    data = event.data
    common = {
        "email": event.address,
        "timestamp": int(datetime.fromisoformat(event.timestamp).timestamp()),
        "sg_event_id": event.id,
    }
    if event.type == ComplaintReceived.type:
        return [common | {"event": "spamreport", "category": _category(data)}]
    if event.type != BounceReceived.type or not _says_something(data):
        return None
    if data["kind"] == "soft":
        more = {"event": "deferred", "response": data["diagnostic"] or ""}
    else:
        type_ = "blocked" if data["kind"] == "blocked" else "bounce"
        more = {"event": "bounce", "type": type_, "reason": data["diagnostic"] or ""}
    return [common | more | {"status": data["status"] or "", "category": _category(data)}]


def _category(data: dict[str, Any]) -> list[str]:
    return [data["mailing"]] if data["mailing"] else []


SHAPES: Final[dict[str, Shape]] = {
    "bouncegate": plain,
    "cloudevents": cloudevents,
    "listmonk": listmonk,
    "postmark": postmark,
    "sendgrid": sendgrid,
}
CONTENT_TYPES: Final = {"cloudevents": "application/cloudevents+json"}
BATCH_TYPES: Final = {"cloudevents": "application/cloudevents-batch+json"}
JSON: Final = "application/json"


def body_of(shape: str, events: tuple[Event, ...], *, is_batch: bool) -> bytes | None:
    """What is sent of events; None where the form has no word for any of them."""
    shaped = [found for one in events if (found := SHAPES[shape](one)) is not None]
    if not shaped:
        return None
    return encoded(shaped if is_batch else shaped[0])


def content_type(shape: str, *, is_batch: bool) -> str:
    """The media type of it."""
    return (BATCH_TYPES if is_batch else CONTENT_TYPES).get(shape, JSON)
