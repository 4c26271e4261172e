"""Sun, iPlanet and Oracle Messaging Server, and their predecessor PMDF.

Recognised by indented fields: `Recipient address:`, `Original address:`, `Reason:`,
`Diagnostic code:`.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import first_address
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "messaging-server"
PATTERN: Final = r"recipient address:|addressed to:"

_GROUP: Final = re.compile(
    r"^[ \t]*(?:Recipient address|Addressed To):[ \t]*(?P<address>\S.*)"
    r"(?P<fields>(?:\n(?![ \t]*Recipient address)[ \t]*\S.*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_ORIGINAL: Final = re.compile(r"^[ \t]*Original address:[ \t]*(\S.*)", re.MULTILINE | re.IGNORECASE)
_WORDS: Final = re.compile(
    r"^[ \t]*(?:Reason|Diagnostic code|Error|Explanation):[ \t]*(\S.*)",
    re.MULTILINE | re.IGNORECASE,
)


def read(notification: Notification) -> list[Report]:
    """The recipient of each group of fields."""
    found: list[RecipientBlock] = []
    for match in _GROUP.finditer(notification.notice):
        original = _ORIGINAL.search(match["fields"])
        address = first_address(original[1]) if original else ""
        address = address or first_address(match["address"])
        if address:
            found.append(
                RecipientBlock(
                    address, " ".join(_WORDS.findall(match["fields"])) or match["fields"].strip()
                )
            )
    return reports(found, NAME, "delayed" if found and is_delay(notification) else "failed")
