"""From octets to reports: `read` returns the type of a message and its reports.

It never raises, for any input, and reads a bounded amount. The first reader that recognises the
message reads it: the standard (RFC 3464) comes first, prose last.
"""

import logging
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.annotate import annotated
from bouncegate.classifier.message import Message
from bouncegate.classifier.messagetype import poses_as_report, type_of
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.origin import origin_of
from bouncegate.classifier.original import read_original
from bouncegate.classifier.readers import amazon, webhook
from bouncegate.classifier.readers.held import is_held
from bouncegate.classifier.readers.registry import COMPLAINTS, LAST_RESORT, Reader, candidates
from bouncegate.classifier.recover import recovered
from bouncegate.classifier.report import MessageType, Reading, Report

_TOLD: Final = frozenset({MessageType.BOUNCE, MessageType.COMPLAINT})
_log: Final = logging.getLogger("bouncegate.classifier")


def read(raw: bytes) -> Reading:
    """Read one message as received from the network or from a file."""
    try:
        return read_or_raise(raw)
    except Exception:  # noqa: BLE001 - no message may stop the return path; fuzzing looks for any
        _log.exception("a message of %d octets could not be read", len(raw))
        return Reading(MessageType.BROKEN)


def read_or_raise(raw: bytes, *, nested: bool = True) -> Reading:
    """As `read`, but raises if a reader has a defect: for tests and fuzzing.

    `nested`: whether a bounce that the message wraps may be read instead.
    """
    message = Message(raw)
    message_id = message.fields.get("message-id")[: limits.VALUE]
    message_type = type_of(message)
    if message_type is MessageType.BOUNCE and _is_other_event(message):
        message_type = MessageType.ORDINARY
    if message_type not in _TOLD:
        return Reading(message_type, message_id=message_id)
    notification = Notification(message)
    if message_type is MessageType.COMPLAINT:
        # The recipient who complains got the message: readers of failures are not used.
        return _reading(message_type, notification, COMPLAINTS, COMPLAINTS.read(notification))
    for reader in candidates(notification):
        reports = reader.read(notification)
        if reports:
            return _reading(message_type, notification, reader, reports)
    if nested and "from" in notification.returned_fields:
        # Gateways wrap a forwarded bounce into a notice without a recipient. A part without an
        # author (RFC 5322, 3.6) is not a message, but a piece of one.
        inner = read_or_raise(notification.returned, nested=False)
        if inner.reports and inner.type is MessageType.BOUNCE:
            return replace(inner, origin=origin_of(message.fields))
    reports = LAST_RESORT.read(notification)
    if reports:
        return _reading(message_type, notification, LAST_RESORT, reports)
    return _without_recipient(notification, message_id)


def _is_other_event(message: Message) -> bool:
    """Whether it is data for a program that tells of nobody's failure."""
    if amazon.is_event(message):
        return amazon.tells_of_no_recipient(message)
    return webhook.tells_of_no_recipient(message)


def _without_recipient(notification: Notification, message_id: str) -> Reading:
    """A bounce from which no recipient could be read, if it is one."""
    if not poses_as_report(notification.message):
        # Only its subject mentions a failure: for example a shop's mail about a parcel.
        return Reading(MessageType.ORDINARY, message_id=message_id)
    if is_held(notification, []):
        return Reading(MessageType.CHALLENGE, message_id=message_id)
    origin = origin_of(notification.message.fields)
    return Reading(MessageType.BROKEN, (), read_original(notification), message_id, "", origin)


def _reading(
    message_type: MessageType, notification: Notification, reader: Reader, reports: list[Report]
) -> Reading:
    message_id = notification.message.fields.get("message-id")[: limits.VALUE]
    found = reports[: limits.RECIPIENTS]
    if message_type is MessageType.BOUNCE:
        if is_held(notification, found):
            return Reading(MessageType.CHALLENGE, message_id=message_id)
        found = recovered(found, notification)
        if not found:
            return _without_recipient(notification, message_id)
    return Reading(
        message_type,
        tuple(annotated(found, notification)),
        read_original(notification),
        message_id,
        reader.name,
        origin_of(notification.message.fields),
    )
