"""Microsoft Exchange, old and new, and Exchange Online, without a recipient in a status part.

Recognised by one of its sentences: `did not reach the following recipient(s)` (5.5 to 2003),
`Delivery has failed to these recipients` (2007 and later), `couldn't be delivered` with
`Diagnostic information for administrators` (all since 2007, in the language of the server; the
lines below it are always the same), and `Remote Server returned`.
"""

import re
from collections.abc import Iterator
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "exchange"
PATTERN: Final = (
    r"did not reach the following|generating server|remote server|has failed to these"
    r"|diagnostic information|your message to \S+@"
    r"|(?m)^[ \t]*#(?:[45]\d\d |[45]\.\d+\.\d|<.+ #[45])"
)

_OLD: Final = re.compile(
    r"did not reach the following recipient\(?s?\)?:(?P<list>.*)", re.DOTALL | re.IGNORECASE
)
_RETURNED: Final = re.compile(
    rf"(?:(?<=[\s<(\"'])|^)(?P<address>{ADDRESS})\s{{1,40}}(?:[\w.-]{{1,255}}\s{{1,40}})?"
    r"(?:#[<\s]{0,10}|Remote Server returned\s{0,40}['\"]?)(?=.{4})",
    re.DOTALL | re.IGNORECASE,
)
_END: Final = re.compile(r"#|'[ \t]{0,20}\n|\n[ \t]{0,20}\n|\Z")
_LONGEST: Final = 1500
_NEW: Final = re.compile(
    r"(?:delivery has failed to these recipients(?: or (?:groups|distribution lists))?:"
    rf"|your message to)\s{{1,40}}[^\n@]{{0,120}}?[<(\s](?P<address>{ADDRESS})"
    r"(?P<text>.{0,1500})",
    re.DOTALL | re.IGNORECASE,
)


def read(notification: Notification) -> list[Report]:
    """The recipients of a notice, in any of the formats."""
    text = notification.notice
    old = _OLD.search(text)
    if old:
        return reports(entries(old["list"]), NAME)
    found = list(_returned(text))
    if not found and ("has failed to these" in text or "be delivered" in text):
        found = [RecipientBlock(m["address"], _line(m["text"])) for m in _NEW.finditer(text)]
    return reports(found, NAME)


def _returned(text: str) -> Iterator[RecipientBlock]:
    """Each address with the returned text, up to a hash mark, a quote or a blank line."""
    begin = 0
    while match := _RETURNED.search(text, begin):
        start = match.end()
        end = _END.search(text, start + 4, start + _LONGEST)
        if end:
            yield RecipientBlock(match["address"], _line(text[start : end.start()]))
        begin = end.end() if end else start


def _line(text: str) -> str:
    return " ".join(text.split())
