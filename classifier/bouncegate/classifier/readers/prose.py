"""Any other notice, in prose and in any language of `phrases`.

Recognised by a phrase that says that a message was not delivered. The recipients are the
addresses that stand in a list, else those in its own sentence. Addresses that notices name for
other ends are no recipients: the sender, the daemon itself, whom to ask for help.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import ADDRESS, BEGINNING, bare, find_addresses, first_address
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.entries import Entry, entries, reports
from bouncegate.classifier.readers.phrases import FAILURE
from bouncegate.classifier.report import Report

NAME: Final = "prose"
SIGN: Final = ""

_ADDRESS: Final = re.compile(BEGINNING + ADDRESS)
# Words before an address, on its line, that make it somebody else.
_OTHER_ROLE: Final = re.compile(
    r"(?:^|[\s(\"'*])(?:from|sender|reply-?to|return-?path|contact|e-?mail us|write to"
    r"|call|ask|help|support|questions?|mail from|envelope-from|message-?id|mailto|by"
    r"|server|visit|report(?: this)? to"
    r"|von|absender|de|expéditeur|remitente|от|отправитель|nadawca|差出人|送信者|发件人|cc|bcc"
    r"|sent by|originator|administrator|postmaster|in-reply-to|references|please (?:send"
    r"|forward|e-?mail)[^.\n]{0,60})"
    r"[ \t]*(?:at|to|:|=|is|the|an?|<|\"|'|\s)*$",
    re.IGNORECASE,
)
_OFFICIALS: Final = frozenset(
    {
        "postmaster",
        "mailer-daemon",
        "mailerdaemon",
        "abuse",
        "support",
        "helpdesk",
        "hostmaster",
        "webmaster",
        "administrator",
        "noreply",
        "no-reply",
        "mail-daemon",
    }
)
# A reply that is quoted: its code, and more than a word behind it.
_REPLY: Final = re.compile(
    r"(?:^|[\s\[(\"':>])([45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}[ -])?"
    r"[A-Za-z<\"'][^\n]{3,400}(?:\n[^\n]{1,200}){0,2})"
)
_LOCAL_NAMES: Final = re.compile(
    r"\brecipients?\b[^\n]{0,120}:[ \t]*\n((?:[ \t]+[A-Za-z0-9][\w.+-]{0,63}[ \t]*(?:\n|\Z)){1,50})"
)
# What is shorter explains nothing.
_SHORTEST: Final = 8
_LONGEST_HEADER: Final = 8 * limits.VALUE
_LONGEST_ROLE: Final = 120
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")


def read(notification: Notification) -> list[Report]:
    """The recipients of whom the notice says that they were not reached."""
    text = notification.notice
    delayed = is_delay(notification)
    if not delayed and not FAILURE.occur(f"{notification.message.subject}. {notification.line}"):
        return []
    others = _others(notification)
    whole = _reply(text) or notification.line[: limits.DIAGNOSTIC]
    found = (
        _listed(text, others, whole)
        or _in_sentence(text, others, whole)
        or _local_names(notification, whole)
    )
    return reports(found, NAME, "delayed" if delayed else "failed")


def _others(notification: Notification) -> frozenset[str]:
    """Addresses of the notice's author and of whom it is sent to."""
    fields = notification.message.fields
    value = " ".join(
        fields.get(name) for name in ("from", "to", "reply-to", "sender", "delivered-to")
    )
    returned = notification.returned_fields
    senders = " ".join(returned.get(name) for name in ("from", "return-path", "sender"))
    return frozenset(
        address.lower()
        for address in find_addresses(f"{value[:_LONGEST_HEADER]} {senders[:_LONGEST_HEADER]}")
    )


def _is_other(address: str, others: frozenset[str]) -> bool:
    lowered = address.lower()
    return lowered in others or lowered.partition("@")[0] in _OFFICIALS


def _listed(text: str, others: frozenset[str], whole: str) -> list[Entry]:
    """Addresses at the beginning of a line."""
    found = [e for e in entries(text) if not _is_other(e.address, others)]
    if len(found) == 1 and not _REPLY.search(found[0].explanation) and _REPLY.search(text):
        return [Entry(found[0].address, whole)]
    return [e if len(e.explanation) > _SHORTEST else Entry(e.address, whole) for e in found]


def _in_sentence(text: str, others: frozenset[str], whole: str) -> list[Entry]:
    """Addresses in a paragraph that says what failed, in the two behind it, or before it."""
    paragraphs = _PARAGRAPH.split(text)
    for n, paragraph in enumerate(paragraphs):
        if not FAILURE.occur(" ".join(paragraph.split())):
            continue
        for block in (*paragraphs[n : n + 3], *paragraphs[max(n - 1, 0) : n]):
            found = [
                Entry(bare(match[0]), whole)
                for match in _ADDRESS.finditer(block)
                if not _is_other(bare(match[0]), others)
                and not _OTHER_ROLE.search(_line_before(block, match.start()))
            ]
            if found:
                return found
    return []


def _line_before(text: str, position: int) -> str:
    return text[max(text.rfind("\n", 0, position) + 1, position - _LONGEST_ROLE) : position]


def _local_names(notification: Notification, whole: str) -> list[Entry]:
    """Mailboxes of the author's own domain, named without it."""
    text = notification.notice
    match = _LOCAL_NAMES.search(text)
    domain = first_address(notification.message.author).partition("@")[2]
    if match is None or not domain:
        return []
    return [Entry(f"{name}@{domain}", whole) for name in match[1].split()]


def _reply(text: str) -> str:
    """What the notice quotes of a server, `""` if nothing."""
    match = _REPLY.search(text)
    return " ".join(match[1].split()) if match else ""
