"""Lotus Notes and HCL Domino without a status part, and PostMaster notices of the same format.

Recognised by `was not delivered to:` and `because:`, each with an indented paragraph below it.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import first_address
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "domino"
PATTERN: Final = r"(?s:not (?:be )?delivered to:?\s.+\sbecause)"

_PARAGRAPHS: Final = re.compile(
    r"(?:was|could) not (?:be )?delivered to:?\s{1,40}(?P<who>\S.{0,500}?)\s{1,40}"
    r"because:?\s{1,40}(?=\S)",
    re.DOTALL | re.IGNORECASE,
)
# The end of the reason. A separate search, so that no notice makes the search above try it at
# every position.
_BLANK_LINE: Final = re.compile(r"\n[ \t]{0,20}\n|\Z")


def read(notification: Notification) -> list[Report]:
    """Each recipient with its reason."""
    text = notification.notice
    found: list[RecipientBlock] = []
    for match in _PARAGRAPHS.finditer(text):
        blank = _BLANK_LINE.search(text, match.end(), match.end() + limits.DIAGNOSTIC)
        why = text[match.end() : blank.start() if blank else match.end() + limits.DIAGNOSTIC]
        address = first_address(match["who"])
        if address:
            found.append(RecipientBlock(address, " ".join(why.split())))
    return reports(found, NAME)
