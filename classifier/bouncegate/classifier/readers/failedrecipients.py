"""The header field X-Failed-Recipients: Exim, Google, Telekom, Google Groups and others.

The field names the recipients, separated by commas; the notice explains. It counts where no
reader of a family found more.
"""

from typing import Final

from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.entries import Entry, reports
from bouncegate.classifier.report import Report

NAME: Final = "x-failed-recipients"


def read(notification: Notification) -> list[Report]:
    """The recipients that the field names."""
    value = notification.message.fields.get("x-failed-recipients")
    action = "delayed" if value and is_delay(notification) else "failed"
    return reports((Entry(address, "") for address in find_addresses(value)), NAME, action)
