"""Events of sending services as JSON, mailed on by whoever receives their webhooks.

SendGrid, Mailgun, Postmark, SparkPost and Brevo, one row each: by which keys its events are
recognised, where they name recipient, event and reply, and what each event is. Every other event
says of nobody that mail to him failed, and neither does JSON of another make: its words name
deliveries and senders beside failures, so no reader of prose may have it.

The formats are written down from memory of the services' public documents, not looked up.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import typed_address
from bouncegate.classifier.charset import sound
from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import STATUS_KINDS, Notification
from bouncegate.classifier.reply import dissect
from bouncegate.classifier.report import COMPLAINED, FEEDBACK_TYPE, Report

NAME: Final = "webhook"
PATTERN: Final = ""

# Characters within which the first object begins: at once, or after a line or two.
_LEAD: Final = 400
_DECODER: Final = json.JSONDecoder(strict=False)
_BETWEEN: Final = re.compile(r"[\s,]*")
_TEXTUAL: Final = frozenset({"", "text/plain", "application/json"})

Event = dict[str, Any]


class Meaning(NamedTuple):
    """What an event says of its recipient."""

    action: str
    status: str = ""
    """The status that it stands for, where it gives none."""


_HARD: Final = Meaning("failed", "5.0.0")
_SOFT: Final = Meaning("failed", "4.0.0")
_MALFORMED: Final = Meaning("failed", "5.1.3")
_REFUSED: Final = Meaning("failed", "5.7.1")
_LATER: Final = Meaning("delayed")
_DONE: Final = Meaning("delivered")
_COMPLAINT: Final = Meaning(COMPLAINED)


class Service(NamedTuple):
    """The format of one service. A path is keys joined by dots; of several, the first that is there
    counts.
    """

    marks: tuple[str, ...]
    """Paths that all its events have."""
    event: tuple[str, ...]
    """The names in it are joined by a blank."""
    recipient: tuple[str, ...]
    reply: tuple[str, ...]
    meanings: dict[str, Meaning]
    status: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


_SERVICES: Final = (
    # What SendGrid blocks or drops it does not call a bounce, whatever reply goes with it.
    Service(
        ("sg_event_id", "event"), ("event", "type"), ("email",), ("reason", "response"),
        {"bounce": _HARD, "bounce bounce": _HARD, "bounce blocked": _SOFT, "dropped": _SOFT,
         "deferred": _LATER, "delivered": _DONE, "spamreport": _COMPLAINT},
        ("status",),
    ),
    # A temporary failure is tried again.
    Service(
        ("event-data.event", "event-data.recipient"), ("event-data.event", "event-data.severity"),
        ("event-data.recipient",),
        ("event-data.delivery-status.message", "event-data.delivery-status.description"),
        {"failed permanent": _HARD, "failed temporary": _LATER, "delivered": _DONE,
         "complained": _COMPLAINT},
        ("event-data.delivery-status.enhanced-code",), ("event-data.delivery-status.code",),
    ),
    # Its Description explains the type with examples of other causes; the reply is in Details.
    Service(
        ("RecordType",), ("RecordType", "Type"), ("Email", "Recipient"), ("Details",),
        {"Bounce HardBounce": _HARD, "Bounce SoftBounce": _SOFT, "Bounce Transient": _LATER,
         "Bounce BadEmailAddress": _MALFORMED, "Bounce DnsError": _SOFT, "Bounce Blocked": _REFUSED,
         "Bounce SpamNotification": _REFUSED, "Bounce DMARCPolicy": _REFUSED,
         "Bounce VirusNotification": _REFUSED, "Delivery": _DONE,
         "SpamComplaint": _COMPLAINT, "SpamComplaint SpamComplaint": _COMPLAINT,
         "Bounce SpamComplaint": _COMPLAINT},
    ),
    # SparkPost numbers what it took an answer for: 60 an autoresponder, 80 and 90 requests about a
    # subscription, 100 a challenge.
    Service(
        ("msys.message_event.type", "msys.message_event.rcpt_to"),
        ("msys.message_event.type", "msys.message_event.bounce_class"),
        ("msys.message_event.rcpt_to",),
        ("msys.message_event.raw_reason", "msys.message_event.reason"),
        {**{f"{event} {number}": meaning
            for event in ("bounce", "out_of_band")
            for numbers, meaning in (
                (("10", "30"), _HARD),
                (("1", "20", "21", "22", "23", "24", "40", "70"), _SOFT),
                (("25", "50", "51", "52", "53", "54"), _REFUSED),
            )
            for number in numbers},
         "bounce": _SOFT, "out_of_band": _SOFT, "delivery": _DONE, "spam_complaint": _COMPLAINT,
         **{f"delay {number}": _LATER for number in range(101)}, "delay": _LATER},
        (), ("msys.message_event.error_code",),
    ),
    # What Brevo blocks itself: its reply says why, or nobody knows.
    Service(
        ("event", "email", "message-id"), ("event",), ("email",), ("reason",),
        {"hard_bounce": _HARD, "soft_bounce": _SOFT, "invalid_email": _MALFORMED, "blocked": _SOFT,
         "deferred": _LATER, "delivered": _DONE, "spam": _COMPLAINT},
    ),
)  # fmt: skip


def read(notification: Notification) -> list[Report]:
    """The recipients of whom an event says something."""
    told = (_report(event) for event in _events(notification.message))
    return [report for report in told if report]


def tells_of_no_recipient(message: Message) -> bool:
    """Whether it is data for a program of which `read` can tell nothing: JSON of whatever make, or
    an event behind a line or two.
    """
    events = list(_events(message))
    return (
        bool(events)
        and not any(_report(event) for event in events)
        and (
            _text_of(message).lstrip().startswith(("{", "["))
            or any(_service_of(event) for event in events)
        )
    )


def _events(message: Message) -> Iterator[Event]:
    """The objects in the first part: an array of them, one, or several in a row."""
    text = _text_of(message)
    for first in sorted({text.find("{", 0, _LEAD), text.find("[", 0, _LEAD)} - {-1}):
        at, left, found = first, limits.RECIPIENTS, None
        while at >= 0 and left > 0:
            try:
                found, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                break
            several = [one for one in _listed(found) if isinstance(one, dict)][:left]
            left -= max(len(several), 1)
            yield from several
            at = _next(text, at)
        if found is not None:
            return


def _listed(found: object) -> list[object]:
    return found if isinstance(found, list) else [found]


def _next(text: str, at: int) -> int:
    """Where the next object or array begins, -1 if something else follows."""
    behind = _BETWEEN.match(text, at)
    at = behind.end() if behind else at
    return at if text.startswith(("{", "["), at) else -1


def _text_of(message: Message) -> str:
    """The text of the first part; `""` for a report, whose fields are in a part of their own."""
    if not message.parts or any(part.kind in STATUS_KINDS for part in message.parts):
        return ""
    first = message.parts[0]
    return first.text if first.kind in _TEXTUAL else ""


def _report(event: Event) -> Report | None:
    """What an event says of its recipient, None if nothing."""
    service = _service_of(event)
    meaning = service.meanings.get(_named(event, service.event)) if service else None
    recipient = typed_address(_first(event, service.recipient)) if service else ""
    if service and meaning and "@" in recipient:
        return _of(event, service, meaning, recipient)
    return None


def _service_of(event: Event) -> Service | None:
    """The service whose marks an event has."""
    return next((s for s in _SERVICES if all(_at(event, mark) for mark in s.marks)), None)


def _of(event: Event, service: Service, meaning: Meaning, recipient: str) -> Report:
    words = _first(event, service.reply)[: limits.DIAGNOSTIC]
    diagnostic = words.partition(";")[2].strip() if words.lower().startswith("smtp;") else words
    reply, code = dissect(diagnostic), _first(event, service.code)
    status = _first(event, service.status)[:16] or reply.status
    # What the service calls temporary is so, whatever reply it quotes.
    is_soft = meaning is _SOFT and not status.startswith("4")
    return Report(
        final_recipient=recipient,
        action=meaning.action,
        status=meaning.status if is_soft else status or meaning.status,
        diagnostic=diagnostic,
        reply_code=reply.code or (code if len(code) == 3 and code[0] in "45" else ""),
        phase=reply.phase,
        extra={FEEDBACK_TYPE: "abuse"} if meaning.action == COMPLAINED else {},
        reader=NAME,
    )


def _named(event: Event, paths: tuple[str, ...]) -> str:
    return " ".join(name for name in (_at(event, path) for path in paths) if name)


def _first(event: Event, paths: tuple[str, ...]) -> str:
    return next((text for text in (_at(event, path) for path in paths) if text), "")


def _at(event: Event, path: str) -> str:
    """The text or number at a path, `""` if there is none."""
    value: object = event
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return sound(value) if isinstance(value, str) else ""
