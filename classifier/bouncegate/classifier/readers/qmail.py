"""qmail and others with the same format (QSBMF, D. J. Bernstein): Yahoo, netqmail, Postfix without
a report.

Recognised by paragraphs that begin with an address in angle brackets and a colon; the first words,
`Hi. This is the`, may be translated by the operator. A paragraph that begins with a hyphen ends the
notice.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.report import Report

NAME: Final = "qmail"
PATTERN: Final = r"(?m)^<[^<>\n]+>:"

# Postfix names the alias that was mailed after the address that failed.
_RECIPIENT: Final = re.compile(
    rf"^<(?P<address>{ADDRESS})>(?: \(expanded from\s+<(?P<alias>{ADDRESS})>\))?:"
    r"[ \t]*(?P<rest>.*)$",
    re.MULTILINE,
)
_BREAK: Final = re.compile(r"^-{2,}[ \t]?\S?", re.MULTILINE)


def read(notification: Notification) -> list[Report]:
    """The recipient paragraphs of the notice."""
    text = notification.notice
    found: list[RecipientBlock] = []
    matches = list(_RECIPIENT.finditer(text))
    for n, match in enumerate(matches):
        end = matches[n + 1].start() if n + 1 < len(matches) else len(text)
        stop = _BREAK.search(text, match.end(), end)
        below = text[match.end() : stop.start() if stop else end]
        words = " ".join(f"{match['rest']} {below}".split())
        found.append(RecipientBlock(match["address"], words, match["alias"] or ""))
    return reports(found, NAME, "delayed" if found and is_delay(notification) else "failed")
