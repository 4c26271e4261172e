"""A mail to whoever asked for something, when it is done."""

import subprocess
from email.message import EmailMessage
from typing import Final

from bouncegate.cli.output import complain
from bouncegate.store.address import AddressError, canonical

# Where Postfix and every other MTA put it (LSB, 4.1).
_SENDMAIL: Final = "/usr/sbin/sendmail"
_SECONDS: Final = 30


def address_to_notify(text: str) -> str:
    """The address, if it is one: it becomes an argument of a program; raises AddressError."""
    address = canonical(text, fold=False)
    if address.startswith(("-", "@")):
        raise AddressError(f"{text!r} is nobody's address")
    return address


def confirm_by_mail(recipient: str, subject: str, text: str) -> bool:
    """Hand a mail to sendmail(1); tells whether it was taken, and complains if not."""
    message = EmailMessage()
    message["To"] = recipient
    message["Subject"] = subject
    # RFC 3834, 5: nobody's auto-responder shall answer.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    argv = [_SENDMAIL, "-i", "-f", "", "--", recipient]
    try:
        subprocess.run(argv, input=message.as_bytes(), timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        complain(f"it is done, but no mail could be sent to {recipient}: {error}")
        return False
    return True
