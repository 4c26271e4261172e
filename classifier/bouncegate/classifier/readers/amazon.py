"""Amazon SES as JSON: notifications by SNS, by an event destination, or mailed by SNS.

Recognised by a JSON object with `notificationType` or `eventType`, or with a `Message` that
contains such an object. The Amazon SES developer guide describes its format (Amazon SNS
notification contents). Bounces that SES sends by mail are standard reports.

What an autoresponder answers, SES calls a transient bounce too, and gives neither an action nor a
status nor a reply. So such a bounce says of nobody that mail to him failed.
"""

import json
from typing import Any, Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import typed_address
from bouncegate.classifier.charset import sound
from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.reply import dissect
from bouncegate.classifier.report import COMPLAINED, FEEDBACK_TYPE, NO_COMPLAINTS, Report

NAME: Final = "amazon-ses"
PATTERN: Final = ""

# Characters within which the object begins: at once, or after a line or two.
_LEAD: Final = 400
_JSON: Final = "application/json"
_DECODER: Final = json.JSONDecoder(strict=False)
_ACTIONS: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})

_VAGUE: Final = frozenset(
    {"Transient", "Transient General", "Undetermined", "Undetermined Undetermined"}
)
_DETAILS: Final = ("action", "status", "diagnosticCode")


def read(notification: Notification) -> list[Report]:
    """The bounced or complaining recipients of the notification."""
    event = _event_of(notification.message)
    read_event = _EVENTS.get(_kind_of(event))
    return read_event(event) if read_event else []


def is_event(message: Message) -> bool:
    """Whether it is an event of SES, of whatever kind."""
    return bool(_kind_of(_event_of(message)))


def tells_of_no_recipient(message: Message) -> bool:
    """Whether it is an event about something else: a message was sent, opened or subscribed to."""
    kind = _kind_of(_event_of(message))
    return bool(kind) and kind not in _EVENTS


def _event_of(message: Message) -> dict[str, Any]:
    part = message.root
    if part.kind == "multipart/mixed" and message.parts and message.parts[0].kind == _JSON:
        part = message.parts[0]  # handed over with our Message-ID in another part
    if part.kind.startswith("multipart") or "{" not in part.text[:_LEAD]:
        return {}
    return _event(part.text)


def _kind_of(event: dict[str, Any]) -> str:
    return _text(event.get("notificationType")) or _text(event.get("eventType"))


def _event(text: str) -> dict[str, Any]:
    """The innermost object: that of SES, unwrapped from that of SNS."""
    event: dict[str, Any] = {}
    # Mail from SNS breaks long strings into lines, which JSON does not allow.
    text = text.replace("\n", "")
    for _ in range(3):
        start = text.find("{")
        try:
            event = _object(_DECODER.raw_decode(text, max(start, 0))[0])
        except (ValueError, RecursionError):
            return event
        inner = event.get("Message")
        if not isinstance(inner, str):
            break
        text = sound(inner)
    return event


def _bounced(event: dict[str, Any]) -> list[Report]:
    bounce = _object(event.get("bounce"))
    kind = f"{bounce.get('bounceType', '')} {bounce.get('bounceSubType', '')}".strip()
    return [
        _report(person, "delayed" if _is_vague(kind, person) else "failed", kind)
        for person in _people(bounce, "bouncedRecipients")
    ]


def _delivered(event: dict[str, Any]) -> list[Report]:
    named = _object(event.get("delivery")).get("recipients")
    people = [{"emailAddress": address} for address in named] if isinstance(named, list) else []
    return [_report(person, "delivered", "") for person in people if _address(person)]


def _delayed(event: dict[str, Any]) -> list[Report]:
    people = _people(_object(event.get("deliveryDelay")), "delayedRecipients")
    return [_report(person, "delayed", "") for person in people]


def _complained(event: dict[str, Any]) -> list[Report]:
    complaint = _object(event.get("complaint"))
    # Without a type it is a person who pressed the button: SES leaves it out, or says "abuse".
    feedback = (_text(complaint.get("complaintFeedbackType")) or "abuse").lower()
    return [_complaint(person, feedback) for person in _people(complaint, "complainedRecipients")]


_EVENTS: Final = {
    "Bounce": _bounced,
    "Delivery": _delivered,
    "DeliveryDelay": _delayed,
    "Complaint": _complained,
}


def _is_vague(kind: str, person: dict[str, Any]) -> bool:
    """Whether nothing says that the delivery failed."""
    return kind in _VAGUE and not any(_text(person.get(name)) for name in _DETAILS)


def _report(person: dict[str, Any], action: str, kind: str) -> Report:
    text = _text(person.get("diagnosticCode"))[: limits.DIAGNOSTIC]
    diagnostic = (
        text.partition(";")[2].strip() if text.lower().startswith(("smtp;", "x-")) else text
    )
    reply = dissect(diagnostic)
    own_action = _text(person.get("action")).lower()
    return Report(
        final_recipient=_address(person),
        action=own_action if own_action in _ACTIONS else action,
        status=_text(person.get("status"))[:16] or reply.status or _status_of(kind),
        diagnostic=diagnostic,
        reply_code=reply.code,
        phase=reply.phase,
        notice=kind,
        reader=NAME,
    )


def _status_of(kind: str) -> str:
    """The status that a type of bounce stands for, where SES tells no other."""
    default = "5.0.0" if kind.startswith("Permanent") else ""
    return "5.1.1" if kind == "Permanent NoEmail" else default


def _complaint(person: dict[str, Any], feedback: str) -> Report:
    action = feedback if feedback in NO_COMPLAINTS else COMPLAINED
    return replace(_report(person, action, ""), extra={FEEDBACK_TYPE: feedback[: limits.CODE]})


def _people(event: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The recipients in a list of the event, as far as they have an address."""
    people = event.get(name)
    listed = people if isinstance(people, list) else []
    return [person for person in listed if isinstance(person, dict) and _address(person)]


def _address(person: dict[str, Any]) -> str:
    """The address in `emailAddress`, `""` if there is none."""
    address = typed_address(_text(person.get("emailAddress")))
    return address if "@" in address else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return sound(value) if isinstance(value, str) else ""
