"""A notice as a message: a DSN of our own (RFC 3464, in a multipart/report of RFC 6522).

smtpd(8) lets a milter refuse one recipient, and bounce(8) writes a DSN for one that a table sends
to error(8); to mail from sendmail(1) a milter can do neither, and the sender must be told by us.
The reply in it ends with our marker, so that the notice counts for nothing when it comes back to a
return path of ours.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NamedTuple

from bouncegate.milter.refusal.reply import Reply

Field = tuple[str, bytes]
"""A field of the original message's header: its name, and its value as it was folded."""

# RFC 5321, 4.5.3.1.6: a line of text has at most 1,000 octets with its CRLF.
_LONGEST_LINE: Final = 998
# RFC 3834, 5 and RFC 5436, 2.7.1: what answers mail must never be answered. Mail that a program
# has merely written, as cron(8) does, is "auto-generated", and somebody wants to know of it.
_ANSWERS: Final = frozenset({"auto-replied", "auto-notified"})

_PARAMETERS: Final = re.compile(r"[\s;(].*")


class Refused(NamedTuple):
    """A recipient that was left out, as the sender wrote it, and what he would have been told."""

    recipient: str
    reply: Reply


class LocalDsn(NamedTuple):
    """What is told to whom."""

    sender: str
    refused: Sequence[Refused]
    host: str
    """The name of the mail system that speaks: the MTA's macro {j}."""
    queue_id: str
    header: Sequence[Field]
    """The original message's header, returned as a whole."""
    time: int
    """When it came, in seconds since 1970."""


def may_be_answered(sender: str, header: Sequence[Field]) -> bool:
    """Whether a DSN may be sent about a message at all.

    Never to the null sender (RFC 5321, 4.5.5), about a DSN (RFC 3464, 2) or about an answer.
    """
    if not sender or not sender.isprintable() or "@" not in sender:
        return False
    is_answer = _word(header, "auto-submitted") in _ANSWERS
    return not is_answer and _word(header, "content-type") != "multipart/report"


def write(notice: LocalDsn) -> bytes:
    """The message, its lines ended by CRLF."""
    international = not all(
        text.isascii() for text in (notice.sender, *(one.recipient for one in notice.refused))
    )
    boundary = f"bouncegate-{secrets.token_hex(12)}"
    parts = (
        ("text/plain; charset=utf-8", "Notification", _words(notice)),
        (
            f"message/{'global-' if international else ''}delivery-status",
            "Delivery report",
            _status(notice, international=international),
        ),
        (
            "message/global-headers" if international else "text/rfc822-headers",
            "Header of the message",
            _returned(notice.header),
        ),
    )
    lines = [*_head(notice, boundary), b"", b"This is a delivery report in MIME format."]
    for kind, description, body in parts:
        lines += [b"", f"--{boundary}".encode(), f"Content-Type: {kind}".encode()]
        lines.append(f"Content-Description: {description}".encode())
        encoding = b"7bit" if all(line.isascii() for line in body) else b"8bit"
        lines += [b"Content-Transfer-Encoding: " + encoding, b"", *body]
    lines += [b"", f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines)


def _head(notice: LocalDsn, boundary: str) -> list[bytes]:
    told = [f"From: Mail system <MAILER-DAEMON@{notice.host}>"]
    told.append(f"To: <{notice.sender}>")
    told.append("Subject: Not sent to everybody: a recipient is locked")
    told.append(f"Date: {_date(notice.time)}")
    told.append(f"Message-ID: <{secrets.token_hex(12)}@{notice.host}>")
    if (original := _value(notice.header, "message-id")).isascii() and original:
        told += [f"In-Reply-To: {original}"[:_LONGEST_LINE]]
    told.append("Auto-Submitted: auto-replied")
    told.append("MIME-Version: 1.0")
    told.append("Content-Type: multipart/report; report-type=delivery-status;")
    told.append(f'\tboundary="{boundary}"')
    return [line.encode() for line in told]


def _words(notice: LocalDsn) -> list[bytes]:
    told = [
        f"This is the mail system at {notice.host}.",
        "",
        "Your message was not sent to the recipients below: mail to them has bounced",
        "before, or an operator has locked them. Everybody else gets it.",
        "",
    ]
    for one in notice.refused:
        told += [f"<{one.recipient}>:", f"    {one.reply}", ""]
    return [line.encode() for line in told]


def _status(notice: LocalDsn, *, international: bool) -> list[bytes]:
    """RFC 3464, 2.2 and 2.3; of addresses beyond ASCII RFC 6533, 3."""
    kind = "utf-8" if international else "rfc822"
    told = [f"Reporting-MTA: dns; {notice.host}"]
    if notice.queue_id:
        told.append(f"X-Bouncegate-Queue-ID: {notice.queue_id}")
    told.append(f"Arrival-Date: {_date(notice.time)}")
    for one in notice.refused:
        told += [
            "",
            f"Final-Recipient: {kind}; {one.recipient}",
            "Action: failed",
            f"Status: {one.reply.status}",
            f"Diagnostic-Code: x-bouncegate; {one.reply}",
        ]
    return [line.encode() for line in told]


def _returned(header: Sequence[Field]) -> list[bytes]:
    return [line for name, value in header for line in _lines(name, value)]


def _lines(name: str, value: bytes) -> Iterator[bytes]:
    """A field in lines that SMTP takes: a fold stays one, and nothing begins a new field."""
    first, *more = value.replace(b"\r", b"").replace(b"\0", b"").split(b"\n")
    yield (name.encode("utf-8", "replace") + b": " + first.lstrip())[:_LONGEST_LINE]
    for line in more:
        folded = line if line[:1] in (b" ", b"\t") else b"\t" + line
        yield folded[:_LONGEST_LINE]


def _value(header: Sequence[Field], name: str) -> str:
    """A field's value in lower case and one line, but for a Message-ID, whose case counts."""
    found = next((value for key, value in header if key.lower() == name), b"")
    text = " ".join(found.decode("utf-8", "replace").split())
    return text if name == "message-id" else text.lower()


def _word(header: Sequence[Field], name: str) -> str:
    """What stands in a field before its parameters and comments."""
    return _PARAMETERS.sub("", _value(header, name))


def _date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))
