"""How a message entered Postfix, by the topmost Received field, which Postfix adds.

smtpd(8), pickup(8) and bounce(8) each add one above the header of the message (RFC 5321, 4.4), so
that the sender of a message cannot write above it:

    smtpd(8)   from client.example (client.example [192.0.2.1]) by mail.example (Postfix) with ...
    pickup(8)  by mail.example (Postfix, from userid 1000) id 4fR9Yt1Xq7z5v; Mon, 30 Nov ...
    bounce(8)  by mail.example (Postfix) id 4fR9Yt1Xq7z5v; Mon, 30 Nov 2026 10:00:00 +0000 (UTC)

Only the last one shows that a DSN comes from our own Postfix.
"""

import re
from enum import StrEnum
from typing import Final

from bouncegate.classifier.fields import Fields

_FROM: Final = re.compile(r"from\b", re.IGNORECASE)
# The comment after the host's name has mail_name, which an administrator may change.
_FROM_USER: Final = re.compile(r"by [^\s;]{1,255} \([^()]{0,255}, from userid [0-9]{1,10}\)")


class Origin(StrEnum):
    """Who submitted the message to Postfix."""

    LOCAL = "local"
    """Postfix itself, or a user with access to the return path's socket: no field differs."""
    SMTP = "smtp"
    """An SMTP client, anywhere."""
    SENDMAIL = "sendmail"
    """A user of this machine, by sendmail(1)."""


def origin_of(fields: Fields) -> Origin:
    """The origin of a message with these header fields."""
    received = fields.get("received")
    if _FROM.match(received):
        return Origin.SMTP
    is_from_user = _FROM_USER.match(" ".join(received.split()))
    return Origin.SENDMAIL if is_from_user else Origin.LOCAL
