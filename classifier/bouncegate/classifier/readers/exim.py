"""Exim, and what is built on it or copies its notice: GMX, 1&1, Mail.ru, Zoho, MXLogic.

Recognised by `created automatically by mail delivery software` or the header field
X-Failed-Recipients; an address stands indented, what happened indented further below it.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.entries import entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "exim"

_SIGN: Final = re.compile(
    r"created automatically by (?:the )?mail delivery (?:software|system)|permanent error.{0,40}following address"
    r"|The following address(?:es|\(es\))? (?:failed|have|has)|создано автоматически",
    re.IGNORECASE | re.DOTALL,
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
    named = find_addresses(notification.message.fields.get("x-failed-recipients"))
    signed = _SIGN.search(text)
    if not named and not signed:
        return []
    start = _START.search(text)
    action = "delayed" if _DELAY.search(text) else "failed"
    found = entries(text[start.end() if start else 0 :])
    wanted = {address.lower() for address in named}
    chosen = [entry for entry in found if entry.address.lower() in wanted]
    return reports(chosen or (found if signed else ()), NAME, action)
