"""Amazon SES as JSON: notifications by SNS, by an event destination, or mailed by SNS.

Recognised by a JSON object with `notificationType` or `eventType`, or with a `Message` that
contains such an object. The Amazon SES developer guide describes its format (Amazon SNS
notification contents). Bounces that SES sends by mail are standard reports.
"""

import json
from typing import Any, Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import typed_address
from bouncegate.classifier.charset import sound
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.reply import dissect
from bouncegate.classifier.report import COMPLAINED, FEEDBACK_TYPE, NO_COMPLAINTS, Report

NAME: Final = "amazon-ses"
PATTERN: Final = ""

# Characters within which the object begins: at once, or after a line or two.
_LEAD: Final = 400
_DECODER: Final = json.JSONDecoder(strict=False)
_ACTIONS: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})


def read(notification: Notification) -> list[Report]:
    """The bounced or complaining recipients of the notification."""
    root = notification.message.root
    if root.kind.startswith("multipart") or "{" not in root.text[:_LEAD]:
        return []
    event = _event(root.text)
    kind = event.get("notificationType") or event.get("eventType")
    if kind == "Bounce":
        return _bounced(_object(event.get("bounce")))
    if kind == "DeliveryDelay":
        people = _objects(_object(event.get("deliveryDelay")).get("delayedRecipients"))
        return [_report(person, "delayed", "") for person in people if _address(person)]
    if kind == "Complaint":
        people = _objects(_object(event.get("complaint")).get("complainedRecipients"))
        # Without a type it is a person who pressed the button: SES leaves it out, or says "abuse".
        feedback = _text(_object(event.get("complaint")).get("complaintFeedbackType")) or "abuse"
        return [_complaint(person, feedback.lower()) for person in people if _address(person)]
    return []


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


def _bounced(bounce: dict[str, Any]) -> list[Report]:
    kind = f"{bounce.get('bounceType', '')} {bounce.get('bounceSubType', '')}".strip()
    people = _objects(bounce.get("bouncedRecipients"))
    return [_report(person, "failed", kind) for person in people if _address(person)]


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
        status=_text(person.get("status"))[:16] or reply.status,
        diagnostic=diagnostic,
        reply_code=reply.code,
        phase=reply.phase,
        notice=kind,
        reader=NAME,
    )


def _complaint(person: dict[str, Any], feedback: str) -> Report:
    action = feedback if feedback in NO_COMPLAINTS else COMPLAINED
    return replace(_report(person, action, ""), extra={FEEDBACK_TYPE: feedback[: limits.CODE]})


def _address(person: dict[str, Any]) -> str:
    """The address in `emailAddress`, `""` if there is none."""
    address = typed_address(_text(person.get("emailAddress")))
    return address if "@" in address else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return sound(value) if isinstance(value, str) else ""
