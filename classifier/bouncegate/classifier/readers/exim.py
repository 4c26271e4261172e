"""Exim, and systems built on it or with its notice: GMX, 1&1, Mail.ru, Zoho, MXLogic.

Recognised by `created automatically by mail delivery software` or `The following address(es)
failed`. Each address is indented, with the reason indented further below it.
"""

from typing import Final

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.readers.recipientblocks import entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "exim"
PATTERN: Final = (
    r"created automatically by (?:the )?mail delivery (?:software|system)"
    r"|the following address(?:es|\(es\))?\s+(?:failed|have|has)|создано автоматически"
)

# The words above the list. The last match counts: the sender may be named before it.
_ABOVE: Final = ("following address", "one or more of its", "получателям:")
_DELAY: Final = Phrases(
    (
        (
            r"has not (?:yet )?been delivered|not been collected|delivery attempts will continue"
            r"|no action is required|message \S+ (?:has been|delayed)"
        ),
    )
)


def read(notification: Notification) -> list[Report]:
    """The indented addresses below the introduction."""
    text = notification.notice
    start = max(0, *(text.find(words) for words in _ABOVE))
    action = "delayed" if _DELAY.occur(notification.line) else "failed"
    return reports(entries(text[start:]), NAME, action)
