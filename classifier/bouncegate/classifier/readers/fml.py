"""fml, a list manager in use in Japan: what was not taken for a list.

Recognised by the header field X-MLServer; the list stands in angle brackets in the first lines
of the notice, the cause in the subject and beside it.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "fml"
SIGN: Final = r"original mail as follows"

_LIST: Final = re.compile(rf"<(?P<address>{ADDRESS})>")


def read(notification: Notification) -> list[Report]:
    """The list that did not take the message."""
    message = notification.message
    if "fml" not in message.fields.get("x-mlserver"):
        return []
    match = _LIST.search(notification.notice)
    words = f"{message.subject}. {notification.line}"
    return reports([RecipientBlock(match["address"], words)], NAME) if match else []
