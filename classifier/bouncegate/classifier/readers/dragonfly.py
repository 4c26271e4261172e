"""The DragonFly Mail Agent.

Recognised by `There was an error delivering your mail to <address>.`; the paragraphs below it
quote the server.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "dragonfly"
PATTERN: Final = r"error delivering your mail to"

_SENTENCE: Final = re.compile(
    rf"error delivering your mail to <(?P<address>{ADDRESS})>\.\s*(?P<text>.*)", re.DOTALL
)
_END: Final = re.compile(
    r"^(?:Message headers follow|Original message follows|Message follows)\b", re.MULTILINE
)


def read(notification: Notification) -> list[Report]:
    """The single recipient of a notice."""
    match = _SENTENCE.search(notification.notice)
    if match is None:
        return []
    text = _END.split(match["text"])[0]
    return reports([RecipientBlock(match["address"], " ".join(text.split()))], NAME)
