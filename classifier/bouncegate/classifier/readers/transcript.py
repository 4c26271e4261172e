"""Gateways that return the SMTP dialogue: InterScan, Verizon, MailMarshal, mFilter and others.

Recognised by a `RCPT TO:` with an address and a nearby reply of class 4 or 5.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "transcript"
PATTERN: Final = r"rcpt to"

_SENT: Final = re.compile(rf"RCPT TO:? ?<?(?P<address>{ADDRESS})>?", re.IGNORECASE)
_REPLY: Final = re.compile(r"(?:^|[\s>:\"'])([45]\d\d[ -](?!\d).{3,500})")


def read(notification: Notification) -> list[Report]:
    """Each recipient in a RCPT TO, with the reply after it, or else the first reply of all."""
    text = notification.notice
    matches = list(_SENT.finditer(text))
    first = _REPLY.search(text)
    found: list[RecipientBlock] = []
    for n, match in enumerate(matches):
        end = matches[n + 1].start() if n + 1 < len(matches) else len(text)
        reply = _REPLY.search(text, match.end(), end) or first
        if reply:
            found.append(RecipientBlock(match["address"], " ".join(reply[1].split())))
    return reports(found, NAME)
