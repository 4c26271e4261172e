"""Finds the server's reply in the fields of one recipient, whichever of them has it.

RFC 3464 provides Diagnostic-Code (2.3.6). Some systems leave it out, or empty, and write the reply
into a field of their own, in one more pair of brackets or behind a type:

    X-Supplementary-Info: <mx.example.com #5.1.1 smtp; 550 No such user>      IronPort, Cisco ESA
    X-Exim-Diagnostic: X-str; SMTP error from remote mail server: 550 ...     Exim
    Status: 5.1.1 (no such user)                                              old gateways

So each field that the standard does not know counts if it has a reply of class 4 or 5 with words.
"""

import re
from collections.abc import Iterator
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.fields import Fields

STANDARD: Final = frozenset(
    {
        "original-recipient", "final-recipient", "action", "status", "remote-mta",
        "diagnostic-code", "reporting-mta", "arrival-date", "original-envelope-id",
    }
)  # fmt: skip
# Fields that have no reply, although some of their values look like one.
_NO_REPLY: Final = frozenset(
    {
        "original-recipient", "final-recipient", "status", "reporting-mta", "arrival-date",
        "original-envelope-id", "last-attempt-date", "final-log-id", "will-retry-until",
        "dsn-gateway", "received-from-mta", "x-display-name", "x-actual-recipient",
        "x-postfix-sender", "x-postfix-queue-id", "x-original-message-id", "original-message-id",
    }
)  # fmt: skip
# A reply with its words: `550 5.1.1 No such user`, `550 "Unknown User"`, `#5.1.1 no such user`.
_REPLY: Final = re.compile(
    r"(?:(?<![\w.:/-])[45][0-5]\d[ \-:]{1,3}(?:#?[45]\.\d{1,3}\.\d{1,3}\b[: ]{0,2})?"
    r"|(?<![\w.-])[45]\.\d{1,3}\.\d{1,3}[ :]{1,3})[<(\[\"']{0,2}[^\W\d_]{2}"
)
# Behind it the reply begins: the host and its status, where the field names them (IronPort).
_ENVELOPE: Final = re.compile(r"^<[^<>#;]{0,255}#[45]\.\d{1,3}\.\d{1,3} (?:smtp|x-[\w-]{1,40}); ?")
_TYPE: Final = re.compile(r"^(?:smtp|x-[\w-]{1,40});[ \t]*", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{2}")
# RFC 3464, 2.3.3 and 2.3.4: their values may have a comment.
_COMMENTED: Final = ("status", "action")
_COMMENT: Final = re.compile(r"\(([^()]{3,500})\)")


def diagnostic_of(fields: Fields) -> str:
    """The text of Diagnostic-Code without its type, or else the reply in another field."""
    own = _untyped(fields.get("diagnostic-code")[: limits.DIAGNOSTIC])
    if _WORD.search(own):
        return own
    return next(_elsewhere(fields), own)


def _elsewhere(fields: Fields) -> Iterator[str]:
    """The replies in other fields, then the comments of the status and the action."""
    for name in sorted(fields.names - _NO_REPLY)[: limits.EXTRA_FIELDS]:
        value = fields.get(name)[: limits.DIAGNOSTIC]
        reply = _REPLY.search(value)
        if reply:
            yield _bare(value) if name not in STANDARD else value[reply.start() :]
    for name in _COMMENTED:
        value = fields.get(name)[: limits.DIAGNOSTIC]
        comment = _COMMENT.search(value)
        if comment and _WORD.search(comment[1]):
            code = value[: comment.start()].strip() if name == "status" else ""
            yield f"{code} {comment[1]}".strip()


def _untyped(value: str) -> str:
    kind, semicolon, text = value.partition(";")
    if not semicolon or " " in kind.strip():
        return value
    # Sendmail writes only the exit code of a program (sysexits.h); the type explains it.
    is_exit_code = text.strip().isdecimal() and kind.strip().lower() != "smtp"
    return f"{kind.strip()}; {text.strip()}" if is_exit_code else text.strip()


def _bare(value: str) -> str:
    """A reply without the brackets and the type around it."""
    envelope = _ENVELOPE.match(value)
    if envelope:
        value = value[envelope.end() :].removesuffix(">")
    return _TYPE.sub("", value).strip()
