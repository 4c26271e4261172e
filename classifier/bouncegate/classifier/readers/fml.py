"""fml, a list manager in use in Japan: a message that a list did not accept.

Recognised by the header field X-MLServer. The list's address is in angle brackets in the first
lines of the notice, the reason in the subject and beside the address.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "fml"
PATTERN: Final = r"original mail as follows"

_LIST: Final = re.compile(rf"<(?P<address>{ADDRESS})>")


def read(notification: Notification) -> list[Report]:
    """The list that did not accept the message."""
    message = notification.message
    if "fml" not in message.fields.get("x-mlserver"):
        return []
    match = _LIST.search(notification.notice)
    words = f"{message.subject}. {notification.line}"
    return reports([RecipientBlock(match["address"], words)], NAME) if match else []
