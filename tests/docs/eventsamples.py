"""A sample of each event, made by the code that makes them; docs/events.md shows these."""

from typing import Any, Final

import msgspec

from bouncegate.policy.records import NO_END
from bouncegate.web.events.event import PAYLOADS, Data, Event, Maker, about, iso

TIME: Final = 1_790_000_000
_ADDRESS, _ID = about("ann@example.com")
_VALUES: Final[dict[str, Any]] = {
    "address": _ADDRESS,
    "internal_id": _ID,
    "kind": "hard",
    "category": "address",
    "reason": "user-unknown",
    "blame": "recipient",
    "effect": "locked",
    "hard": 1,
    "soft": 0,
    "soft_in_row": 0,
    "status": "5.1.1",
    "diagnostic": "550 5.1.1 no such user",
    "mailing": "spring",
    "group": "customers",
    "message_id": "<4711@shop.example>",
    "trust": "signed",
    "origin": "automatic",
    "since": iso(TIME),
    "until": iso(TIME + 365 * 86_400),
    "scope": None,
    "by": None,
    "why": None,
    "cause": "ended",
    "corrected_to": "ann@example.org",
    "feedback_type": "abuse",
    "count": 3,
    "sender": "news@shop.example",
    "incident": 19524,
    "provider": "gmail",
    "addresses": 212,
    "limit": 40,
    "outcome": "dismissed",
    "hour": iso(TIME - TIME % 3600),
    "bounces": 20,
    "advice": "Ask the receiver why.",
    "request": 7,
    "expires": iso(TIME + 14 * 86_400),
    "decision": "approved",
    "because": "away",
    "endpoint": "newsletter",
}
_SPECIAL: Final[dict[str, dict[str, Any]]] = {
    "complaint.received": {"effect": "locked"},
    "address.changed": {"until": iso(NO_END), "origin": "manual", "by": "carl", "why": "asked to"},
    "address.corrected": {"by": "carl"},
    "incident.settled": {"by": "carl", "why": "an outage"},
    "sender.blamed": {"sender": "shop.example", "reason": "spam-block"},
    "unlock.requested": {"by": "desk", "why": "has a new mailbox"},
    "unlock.decided": {"by": "carl"},
}


def sample(type_: type[Data]) -> Event:
    """The sample of a type."""
    own = _SPECIAL.get(type_.type, {})
    names = [field.name for field in msgspec.structs.fields(type_)]
    data = type_(**{name: own.get(name, _VALUES[name]) for name in names})
    return Maker("mx1")(data, TIME, 19524, _ADDRESS)


def block(type_: type[Data]) -> str:
    """It, as the page shows it."""
    text = msgspec.json.format(msgspec.json.encode(sample(type_).data), indent=1).decode()
    return f"```json\n{text}\n```"


def whole() -> str:
    """A whole event, as the page shows it."""
    event = next(one for one in PAYLOADS if one.type == "address.locked")
    text = msgspec.json.format(msgspec.json.encode(sample(event)), indent=1).decode()
    return f"```json\n{text}\n```"
