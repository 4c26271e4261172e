"""Exim, and what is built on it or copies its notice: GMX, 1&1, Mail.ru, Zoho, MXLogic.

Recognised by `created automatically by mail delivery software` or `The following address(es)
failed`; an address stands indented, what happened indented further below it.
"""

import re
from typing import Final

from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.entries import entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "exim"
SIGN: Final = (
    r"created automatically by (?:the )?mail delivery (?:software|system)"
    r"|the following address(?:es|\(es\))?\s+(?:failed|have|has)|создано автоматически"
)

_START: Final = re.compile(
    r"following address(?:es|\(es\))?(?: to which .{0,60})?\s{1,3}(?:failed|(?:has|have) .{0,30}).{0,40}:"
    r"|could not be delivered to .{0,200}?\n\s*\n|нескольким получателям:|is a permanent error\.",
    re.IGNORECASE | re.DOTALL,
)
_DELAY: Final = re.compile(
    r"has not (?:yet )?been delivered|not been collected|delivery attempts will continue|no action is required"
    r"|Message \S+ (?:has been|delayed)",
    re.IGNORECASE,
)


def read(notification: Notification) -> list[Report]:
    """The indented addresses below the introduction."""
    text = notification.notice
    start = _START.search(text)
    action = "delayed" if _DELAY.search(text) else "failed"
    return reports(entries(text[start.end() if start else 0 :]), NAME, action)
