"""A mail to somebody who asked to be told, handed to sendmail(1)."""

import os
import socket
import subprocess
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path
from pwd import getpwuid
from typing import Final

# Where Postfix and every other MTA put it (LSB, 4.1).
SENDMAIL: Final = "/usr/sbin/sendmail"
_SECONDS: Final = 30
_STATUS: Final = Path("/proc/self/status")


class MailError(Exception):
    """The mail was not accepted; the text says why."""


def why_not() -> str:
    """Why this process can hand no mail to sendmail(1); empty if it can."""
    if not os.access(SENDMAIL, os.X_OK):
        return f"there is no {SENDMAIL}"
    try:
        is_bound = "NoNewPrivs:\t1" in _STATUS.read_text()
    except OSError:
        is_bound = False
    # Postfix's postdrop(1) is setgid: that is how it writes into the queue.
    return "NoNewPrivileges= keeps sendmail(1) from the queue" if is_bound else ""


def send(recipient: str, subject: str, text: str) -> None:
    """Hand a mail to sendmail(1); raises MailError.

    The MTA completes the author with its own domain ($myorigin of Postfix).
    """
    message = EmailMessage()
    message["From"] = Address("Bouncegate", getpwuid(os.getuid()).pw_name)
    message["To"] = recipient
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=socket.gethostname())
    message["Subject"] = subject
    # RFC 3834, 5: no auto-responder answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    argv = [SENDMAIL, "-i", "-f", "", "--", recipient]
    try:
        subprocess.run(argv, input=message.as_bytes(), timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise MailError(str(error)) from error
