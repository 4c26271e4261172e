"""The Courier mail server.

Recognised by `UNDELIVERABLE MAIL` between rules. Below it is each recipient in angle brackets with
a colon, and the dialogue: `>>>` before commands, `<<<` before replies.
"""

import re
from typing import Final

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "courier"
PATTERN: Final = r"(?m)^[ \t]*(?:undeliverable|delayed) mail[ \t]*$"

_SECTION: Final = re.compile(
    r"^[ \t]*(?P<title>UNDELIVERABLE MAIL|DELAYED MAIL)[ \t]*$(?P<list>(?:\n(?!-{10}).*)*)",
    re.MULTILINE,
)
_CAME_BACK: Final = re.compile(r"<<< ?")


def read(notification: Notification) -> list[Report]:
    """The recipients of the section."""
    match = _SECTION.search(notification.notice)
    if match is None:
        return []
    found = [
        RecipientBlock(e.address, _CAME_BACK.split(e.explanation)[-1])
        for e in entries(match["list"])
    ]
    return reports(found, NAME, "delayed" if match["title"].startswith("DELAYED") else "failed")
