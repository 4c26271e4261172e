"""smail 3, still in use at Telekom (T-Online): late bounces without any RFC 3464 part.

Recognised by the box `|--- Failed addresses follow: ---|`. Below it are addresses, each followed by
three dots and the reason.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "smail"
PATTERN: Final = r"failed addresses follow"

_BOX: Final = re.compile(
    r"^\|-+ ?Failed addresses follow: ?-+\|?[ \t]*$(?P<list>(?:\n(?!\|-).*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_LINE: Final = re.compile(
    (
        rf"^[ \t]*<?(?P<address>{ADDRESS})>?[ \t]*(?:\.\.\."
        rf"|:)[ \t]*(?P<text>(?:.*(?:\n[ \t]+(?!<?\S+@).*)*))"
    ),
    re.MULTILINE,
)


def read(notification: Notification) -> list[Report]:
    """The recipients in the box."""
    match = _BOX.search(notification.notice)
    if match is None:
        return []
    return reports(
        (
            RecipientBlock(m["address"], " ".join(m["text"].split()))
            for m in _LINE.finditer(match["list"])
        ),
        NAME,
    )
