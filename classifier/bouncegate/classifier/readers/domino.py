"""Lotus Notes and HCL Domino without their status part, and PostMaster notices of the same form.

Recognised by `was not delivered to:` and `because:`, each with an indented paragraph below it.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import first_address
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.entries import Entry, reports
from bouncegate.classifier.report import Report

NAME: Final = "domino"
SIGN: Final = r"not (?:be )?delivered to:?\s"

_PARAGRAPHS: Final = re.compile(
    r"(?:was|could) not (?:be )?delivered to:?\s{1,40}(?P<who>\S.{0,500}?)\s{1,40}"
    r"because:?\s{1,40}(?P<why>\S.{0,2000}?)(?:\n[ \t]{0,20}\n|\Z)",
    re.DOTALL | re.IGNORECASE,
)


def read(notification: Notification) -> list[Report]:
    """Each recipient with its reason."""
    found = [
        Entry(address, " ".join(match["why"].split()))
        for match in _PARAGRAPHS.finditer(notification.notice)
        if (address := first_address(match["who"]))
    ]
    return reports(found, NAME)
