"""Japanese mobile carriers (au, EZweb, SoftBank, NTT Docomo) and similar providers.

Recognised by `Each of the following recipients was rejected by a remote mail server.` and its
variants. The address is in angle brackets above or below the sentence.
"""

import re
from typing import Final

from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, reports
from bouncegate.classifier.readers.rolephrases import is_other, others
from bouncegate.classifier.report import Report

NAME: Final = "carriers"
PATTERN: Final = (
    r"each of the following recipients was rejected by a remote mail server"
    r"|the following recipients did not receive this message"
    r"|the user\(s\) (?:rejected your message|account is disabled"
    r"|account is temporarily over quota)"
)

_SENTENCE: Final = re.compile(PATTERN, re.IGNORECASE)
_BRACKETED: Final = re.compile(
    rf"(?:^|>>> RCPT TO: ?|\s)<(?P<address>{ADDRESS})>", re.IGNORECASE | re.MULTILINE
)
_REASON: Final = re.compile(r"[ \t]*\n[ \t]*Reason:[ \t]*(\S.*)", re.IGNORECASE)
_REPLY: Final = re.compile(r"^[ \t]*(?:<<< )?([45]\d\d[ -].*)$", re.MULTILINE)


def read(notification: Notification) -> list[Report]:
    """The bracketed addresses of the notice, with the server's reply."""
    text = notification.notice
    sentence = _SENTENCE.search(text)
    if sentence is None:
        return []
    known = others(notification)
    reply = _REPLY.search(text)
    words = reply[1] if reply else sentence[0]
    named = [m for m in _BRACKETED.finditer(text) if not is_other(m["address"], known)]
    reasons = [(m, reason[1]) for m in named if (reason := _REASON.match(text, m.end()))]
    return reports(
        (RecipientBlock(m["address"], why) for m, why in reasons or [(m, words) for m in named]),
        NAME,
    )
