"""Any other notice, in prose and in any language of `phrases`.

Recognised by a phrase that says that a message was not delivered. The recipients are the
addresses that stand in a list below it, else those in its own sentence, else the one to whom
the returned message is addressed. Addresses that notices name for other ends are no recipients:
the sender, the daemon itself, whom to ask for help.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import ADDRESS, find_addresses
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.entries import Entry, entries, reports
from bouncegate.classifier.readers.phrases import FAILURE
from bouncegate.classifier.report import Report

NAME: Final = "prose"

_ADDRESS: Final = re.compile(ADDRESS)
# Words before an address, on its line, that make it somebody else.
_OTHER_ROLE: Final = re.compile(
    r"(?:^|[\s(\"'*])(?:from|sender|reply-?to|return-?path|contact|e-?mail us|write to|call|ask|help|support|questions?|mail from|envelope-from|message-?id|mailto|by|server|visit|report(?: this)? to"
    r"|von|absender|de|expéditeur|remitente|от|отправитель|nadawca|差出人|送信者|发件人|cc|bcc|sent by|originator|administrator|postmaster|in-reply-to|references|please (?:send|forward|e-?mail)[^.\n]{0,60})"
    r"[ \t]*(?:at|to|:|=|is|the|an?|<|\"|'|\s)*$",
    re.IGNORECASE,
)
_OFFICIALS: Final = frozenset(
    {"postmaster", "mailer-daemon", "mailerdaemon", "abuse", "support", "helpdesk", "hostmaster", "webmaster", "administrator", "noreply", "no-reply", "mail-daemon"}
)
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")


def read(notification: Notification) -> list[Report]:
    """The recipients of whom the notice says that they were not reached."""
    text = notification.notice
    lowered = text.lower()
    cue = FAILURE.search(lowered) or FAILURE.search(" ".join(lowered.split()))
    if cue is None and not FAILURE.search(notification.message.subject.lower()):
        return []
    others = _others(notification)
    found = _listed(text, others) or _in_sentence(text, others) or _addressed(notification, others)
    return reports(found, NAME, "delayed" if found and is_delay(notification) else "failed")


def _others(notification: Notification) -> frozenset[str]:
    """Addresses of the notice's author and of whom it is sent to."""
    fields = notification.message.fields
    value = " ".join(fields.get(name) for name in ("from", "to", "reply-to", "sender", "delivered-to"))
    returned = notification.returned_fields
    senders = " ".join(returned.get(name) for name in ("from", "return-path", "sender"))
    return frozenset(address.lower() for address in find_addresses(f"{value} {senders}"))


def _is_other(address: str, others: frozenset[str]) -> bool:
    lowered = address.lower()
    return lowered in others or lowered.partition("@")[0] in _OFFICIALS


def _listed(text: str, others: frozenset[str]) -> list[Entry]:
    """Addresses at the beginning of a line."""
    found = [e for e in entries(text) if not _is_other(e.address, others)]
    whole = " ".join(text[: limits.DIAGNOSTIC].split())
    return [e if len(e.explanation) > 8 else Entry(e.address, whole) for e in found]


def _in_sentence(text: str, others: frozenset[str]) -> list[Entry]:
    """Addresses in a paragraph that says what failed, or in the next one."""
    paragraphs = _PARAGRAPH.split(text)
    whole = " ".join(text[: limits.DIAGNOSTIC].split())
    for n, paragraph in enumerate(paragraphs):
        if not FAILURE.search(" ".join(paragraph.lower().split())):
            continue
        for block in paragraphs[n : n + 3]:
            found = [
                Entry(match[0].rstrip("."), whole)
                for match in _ADDRESS.finditer(block)
                if not _is_other(match[0], others) and not _OTHER_ROLE.search(_line_before(block, match.start()))
            ]
            if found:
                return found
    return []


def _line_before(text: str, position: int) -> str:
    return text[text.rfind("\n", 0, position) + 1 : position]


def _addressed(notification: Notification, others: frozenset[str]) -> list[Entry]:
    """The one recipient in the header of the returned message."""
    addresses = find_addresses(notification.returned_fields.get("to"))
    if len(addresses) != 1 or addresses[0].lower() in others:
        return []
    return [Entry(addresses[0], " ".join(notification.notice[: limits.DIAGNOSTIC].split()))]
