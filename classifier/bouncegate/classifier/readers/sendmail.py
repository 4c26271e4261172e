"""Sendmail since version 5, and gateways with the same notice.

Recognised by `----- The following addresses had ... errors -----` with a list below it, and by
`----- Transcript of session follows -----`, the dialogue with the next server. Version 5 has only
the transcript; its last line about each address counts.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import ADDRESS
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.report import Report

NAME: Final = "sendmail"
PATTERN: Final = (
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
_SUMMARY: Final = re.compile(
    rf"^(?:[245]\d\d[ -])?(?:[245]\.\d+\.\d+ )?<?(?P<address>{ADDRESS})>?\.{{3}} ?(?P<text>.*)$",
    re.MULTILINE,
)
_SENT: Final = re.compile(
    rf"^>>> RCPT TO: ?<?(?P<address>{ADDRESS})>?.*\n<<< (?P<text>[245]\d\d.*)$",
    re.IGNORECASE | re.MULTILINE,
)
# Within an explanation, which is one line; matched where the first reason begins.
_REASON: Final = re.compile(r"\(reason: (?P<reason>.*?)\)(?P<alias> \(expanded from: .*)?$")
_DELAY: Final = re.compile(r"transient|warning|delay", re.IGNORECASE)
_KEEPS_TRYING: Final = re.compile(
    r"will (?:be retried|keep trying|continue)|warning message only|still trying|not yet",
    re.IGNORECASE,
)


def read(notification: Notification) -> list[Report]:
    """The recipients of the lists; those of the transcript if there is no list."""
    text = notification.notice
    transcript = _TRANSCRIPT.search(text)
    dialogue = transcript["text"] if transcript else ""
    replies = _replies(dialogue)
    about = _by_address(replies)
    found: list[Report] = []
    for match in _LIST.finditer(text):
        action = (
            "delayed" if _DELAY.search(match["what"]) and _KEEPS_TRYING.search(text) else "failed"
        )
        listed = _listed(match["list"])
        found += reports((_explained(entry, about, dialogue) for entry in listed), NAME, action)
    if found or not transcript:
        return found
    return reports(replies, NAME, "delayed" if _KEEPS_TRYING.search(text) else "failed")


def _listed(text: str) -> list[RecipientBlock]:
    """The entries of a list, with the reason if there is one, and the alias that was mailed."""
    return [
        RecipientBlock(e.address, f"{m['reason']}{m['alias'] or ''}" if m else e.explanation)
        for e in entries(text)
        for m in (_REASON.match(e.explanation, max(e.explanation.find("(reason: "), 0)),)
    ]


def _replies(dialogue: str) -> list[RecipientBlock]:
    """For each address in the transcript the reply to RCPT TO, then the summary.

    If there are summaries, an address without one was accepted.
    """
    replies = {m["address"].lower(): m for m in _SENT.finditer(dialogue)}
    summaries = list(_SUMMARY.finditer(dialogue))
    if not summaries:
        return [RecipientBlock(m["address"], m["text"]) for m in replies.values()]
    return [
        RecipientBlock(m["address"], f"{reply['text']} {m[0]}" if reply else m[0])
        for m in summaries
        for reply in (replies.get(m["address"].lower()),)
    ]


def _by_address(replies: list[RecipientBlock]) -> dict[str, str]:
    """All text of the transcript about each address, by the address in lower case."""
    about: dict[str, str] = {}
    for address, words, _ in replies:
        known = about.get(address.lower(), "")
        about[address.lower()] = f"{known} {words}".strip()[: limits.DIAGNOSTIC]
    return about


def _explained(entry: RecipientBlock, about: dict[str, str], dialogue: str) -> RecipientBlock:
    """An entry with its own explanation, or with that of the transcript."""
    if len(entry.explanation) > 3:
        return entry
    words = about.get(entry.address.lower()) or " ".join(dialogue[: limits.DIAGNOSTIC].split())
    return RecipientBlock(entry.address, words)
