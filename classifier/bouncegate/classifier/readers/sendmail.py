"""Sendmail, from version 5 on, and gateways that copy its notice.

Recognised by `----- The following addresses had ... errors -----` with a list below it, and by
`----- Transcript of session follows -----`, the dialogue with the next server. Version 5 has the
transcript alone: its last words on each address count.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "sendmail"
SIGN: Final = (
    r"the following address(?:es|\(es\))? had|transcript of (?:the )?session"
    r"|non-delivered information"
)

_LIST: Final = re.compile(
    r"^[ \t]*-{2,} ?the following address(?:es|\(es\))? had (?P<what>[^\n]*)--[ \t]*$"
    r"(?P<list>(?:\n(?![ \t]*-{3,}).*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_TRANSCRIPT: Final = re.compile(
    r"^[ \t]*-{2,} ?(?:transcript of (?:the )?session|non-delivered information"
    r"|error message|reason for)"
    r"[^\n-]*-{2,}[ \t]*$(?P<text>(?:\n(?![ \t]*-{3,} ?(?:unsent|original|returned|message)).*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_SPOKEN: Final = re.compile(
    rf"^(?:[245]\d\d[ -])?(?:[245]\.\d+\.\d+ )?<?(?P<address>{ADDRESS})>?\.{{3}} ?(?P<text>.*)$",
    re.MULTILINE,
)
_SENT: Final = re.compile(
    rf"^>>> RCPT TO: ?<?(?P<address>{ADDRESS})>?.*\n<<< (?P<text>[245]\d\d.*)$",
    re.IGNORECASE | re.MULTILINE,
)
# In an explanation, which is one line; matched from where the first one begins.
_REASON: Final = re.compile(r"\(reason: (?P<reason>.*?)\)(?P<alias> \(expanded from: .*)?$")
_DELAY: Final = re.compile(r"transient|warning|delay", re.IGNORECASE)
_KEEPS_TRYING: Final = re.compile(
    r"will (?:be retried|keep trying|continue)|warning message only|still trying|not yet",
    re.IGNORECASE,
)


def read(notification: Notification) -> list[Report]:
    """The recipients of the lists; of the transcript where there is no list."""
    text = notification.notice
    transcript = _TRANSCRIPT.search(text)
    spoken = transcript["text"] if transcript else ""
    said = _said(spoken)
    about = _by_address(said)
    found: list[Report] = []
    for match in _LIST.finditer(text):
        action = (
            "delayed" if _DELAY.search(match["what"]) and _KEEPS_TRYING.search(text) else "failed"
        )
        listed = _listed(match["list"])
        found += reports((_explained(entry, about, spoken) for entry in listed), NAME, action)
    if found or not transcript:
        return found
    return reports(said, NAME, "delayed" if _KEEPS_TRYING.search(text) else "failed")


def _listed(text: str) -> list[RecipientBlock]:
    """The entries of a list, of each the reason if it has one, and the alias that was mailed."""
    return [
        RecipientBlock(e.address, f"{m['reason']}{m['alias'] or ''}" if m else e.explanation)
        for e in entries(text)
        for m in (_REASON.match(e.explanation, max(e.explanation.find("(reason: "), 0)),)
    ]


def _said(spoken: str) -> list[RecipientBlock]:
    """What the transcript says of each address: the reply to RCPT TO, then the summary.

    Where there are summaries, an address that has none was taken.
    """
    replies = {m["address"].lower(): m for m in _SENT.finditer(spoken)}
    summaries = list(_SPOKEN.finditer(spoken))
    if not summaries:
        return [RecipientBlock(m["address"], m["text"]) for m in replies.values()]
    return [
        RecipientBlock(m["address"], f"{reply['text']} {m[0]}" if reply else m[0])
        for m in summaries
        for reply in (replies.get(m["address"].lower()),)
    ]


def _by_address(said: list[RecipientBlock]) -> dict[str, str]:
    """All that the transcript says of an address, by the address in lower case."""
    about: dict[str, str] = {}
    for address, words in said:
        known = about.get(address.lower(), "")
        about[address.lower()] = f"{known} {words}".strip()[: limits.DIAGNOSTIC]
    return about


def _explained(entry: RecipientBlock, about: dict[str, str], spoken: str) -> RecipientBlock:
    """An entry with its own words; with what the transcript says of it where it has none."""
    if len(entry.explanation) > 3:
        return entry
    words = about.get(entry.address.lower()) or " ".join(spoken[: limits.DIAGNOSTIC].split())
    return RecipientBlock(entry.address, words)
