"""The type of a message, before its recipients are read: a bounce, or mail that must not count.

The evidence is in the header and cheap to check, so that ordinary mail is skipped fast.
"""

from typing import Final

from bouncegate.classifier.correspondence import is_correspondence, is_handed_on, is_own_path
from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import STATUS_KINDS
from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.readers import arf, mdn
from bouncegate.classifier.report import MessageType
from bouncegate.classifier.subjects import (
    IS_AUTO,
    IS_CHALLENGE,
    IS_FAILURE,
    IS_NOTICE,
    IS_RECEIPT,
    IS_REFUSAL,
    SUBJECTS,
)

# Authors of notices. Ordinary mail of such authors has no failed recipient.
_DAEMON: Final = (
    (
        r"mailer.?daemon|mail.?daemon|post.?master|mail delivery|delivery (?:sub)?system"
        r"|mail.{0,3}system"
    ),
    r"mail admin|system admin|(?:^|<)mdaemon|<>|mmdf|microsoft ?exchange|sns\.amazonaws",
    r"\bmailer\b|mail router|returned mail|(?:^|[<\s\"])bounces?@",
    (
        r"(?:mail|smtp) ?(?:gateway|server|relay)|internet mail|e-?mail system|delivery agent"
        r"|mail transfer|\bpmdf\b|undeliver|mail administrator|delivery notification"
    ),
)
_AUTHORS: Final = Phrases(_DAEMON)
_AUTOMATIC_PRECEDENCE: Final = frozenset({"auto_reply", "auto-reply"})
_AUTOMATIC_FIELDS: Final = (
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation",
)  # fmt: skip


def poses_as_report(message: Message) -> bool:
    """Whether more than its subject makes it a bounce: a daemon's name, a null path, a report."""
    fields = message.fields
    return_path = fields.get("return-path").lower()
    return (
        return_path in {"<>", ""}
        or "mailer-daemon" in return_path
        or "x-failed-recipients" in fields
        or "report" in message.root.type_field.lower()
        or _AUTHORS.occur(message.author)
    )


def type_of(message: Message) -> MessageType:
    """The type of the message, by its header and the types of its parts."""
    kinds = {part.kind for part in message.parts}
    if arf.KIND in kinds:
        return MessageType.COMPLAINT
    report_type = message.root.type_field.lower()
    has_status = bool(kinds & STATUS_KINDS)
    if has_status and "report" in report_type:
        return MessageType.BOUNCE
    found = SUBJECTS.found(message.subject) if message.subject else []
    if has_status:
        # A person forwards a notice with its parts, or a desk hands them on.
        return MessageType.ORDINARY if is_handed_on(message, found) else MessageType.BOUNCE
    if mdn.KIND in kinds or "disposition-notification" in report_type:
        # Dovecot and Sieve (RFC 5429) refuse a message by an MDN.
        refused = "rejected" in message.fields.get("auto-submitted") or IS_REFUSAL in found
        return MessageType.BOUNCE if refused and mdn.may_refuse(message) else MessageType.MDN
    return _by_header(message, report_type, found)


def _by_header(message: Message, report_type: str, found: list[int]) -> MessageType:
    """The type of the message, by subject, author and return path."""
    fields = message.fields
    return_path = fields.get("return-path").lower()
    daemon = _AUTHORS.occur(message.author) or "mailer-daemon" in return_path
    failure = IS_FAILURE in found
    if IS_AUTO in found and not (daemon and failure):
        return MessageType.AUTO_REPLY
    # RFC 8460, 5.3: a report on TLS.
    is_report = "multipart/report" in report_type and "tlsrpt" not in report_type
    if is_report or "x-failed-recipients" in fields:
        return MessageType.BOUNCE
    # A notice may end with the subject of the message that it returns.
    if IS_CHALLENGE in found and not (failure and (daemon or IS_NOTICE in found)):
        return MessageType.CHALLENGE
    if IS_RECEIPT in found:
        return MessageType.MDN
    automatic = _is_automatic(message)
    if not is_correspondence(message, found, is_daemon=daemon) and (
        (daemon and not _is_answer(message)) or failure or (return_path == "<>" and not automatic)
    ):
        return MessageType.BOUNCE
    return MessageType.AUTO_REPLY if automatic else MessageType.ORDINARY


def _is_answer(message: Message) -> bool:
    """Whether it answers a message (RFC 5322, 3.6.4) and could be answered itself.

    A bounce has the null return path (RFC 5321, 4.5.5), or that of a list that forwards it.
    """
    return "in-reply-to" in message.fields and is_own_path(message.fields)


def _is_automatic(message: Message) -> bool:
    """Whether it is an automatic reply (RFC 3834, 5, and earlier conventions)."""
    fields = message.fields
    return (
        fields.get("auto-submitted").lower().startswith("auto-replied")
        or fields.get("precedence").lower() in _AUTOMATIC_PRECEDENCE
        or any(name in fields for name in _AUTOMATIC_FIELDS)
    )
