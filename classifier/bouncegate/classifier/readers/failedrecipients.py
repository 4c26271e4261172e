"""The header field X-Failed-Recipients: Exim, Google, Telekom, Google Groups and others.

The field names the recipients, separated by commas; the notice explains. It counts where no
reader of a family found more.
"""

from typing import Final

from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "x-failed-recipients"
SIGN: Final = ""


def _explained(text: str) -> list[RecipientBlock]:
    """What the notice lists; addresses one below the other share the words behind the last."""
    found = entries(text)
    shared = ""
    for n in range(len(found) - 1, -1, -1):
        shared = found[n].explanation or shared
        found[n] = RecipientBlock(found[n].address, shared)
    return found


def read(notification: Notification) -> list[Report]:
    """The recipients that the field names, with what the notice lists of each."""
    named = find_addresses(notification.message.fields.get("x-failed-recipients"))
    if not named:
        return []
    told = {entry.address.lower(): entry.explanation for entry in _explained(notification.notice)}
    action = "delayed" if is_delay(notification) else "failed"
    return reports((RecipientBlock(a, told.get(a.lower(), "")) for a in named), NAME, action)
