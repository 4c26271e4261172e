"""An event of a service as a message, handed to the return path by LMTP: durable, or tried again.

The message has the event as it came, and our Message-ID in a part of headers, as a DSN has: so the
ledger proves it, and everything else happens to it that happens to a DSN.
"""

import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final

import msgspec

from bouncegate.config.endpoints import Endpoint, UnixSocket
from bouncegate.web.hooks.services import Event

_SECONDS: Final = 20
_HEADERS: Final = "text/rfc822-headers"


class NotTaken(Exception):
    """The return path has not taken a message; it may later."""


def message_of(event: Event, message_id: str, service: str, now: int) -> bytes:
    """The event as a message."""
    message = EmailMessage(SMTP)
    message["From"] = f"{service} <mailer-daemon@localhost>"
    message["Subject"] = "Event of a sending service"
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Auto-Submitted"] = "auto-generated"
    message.make_mixed()
    part = EmailMessage(SMTP)
    part.set_content(msgspec.json.encode(event), "application", "json", cte="base64")
    message.attach(part)
    if message_id:
        headers = EmailMessage(SMTP)
        headers.set_content(f"Message-ID: {message_id}\r\n", cte="7bit")
        headers.replace_header("Content-Type", _HEADERS)
        message.attach(headers)
    return message.as_bytes()


def hand_over(messages: list[bytes], recipient: str, socket: Endpoint) -> None:
    """Give messages to the return path; all are durable when it returns. Raises NotTaken."""
    try:
        with _connected(socket) as client:
            for message in messages:
                client.sendmail("", [recipient], message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotTaken(str(error)) from None


def _connected(socket: Endpoint) -> smtplib.LMTP:
    if isinstance(socket, UnixSocket):
        return smtplib.LMTP(str(Path(socket.path)), local_hostname="localhost", timeout=_SECONDS)
    return smtplib.LMTP(socket.host, socket.port, local_hostname="localhost", timeout=_SECONDS)
