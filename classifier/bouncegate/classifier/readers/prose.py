"""Any other notice, in prose and in any language of `phrases`.

Recognised by a phrase that says that a message was not delivered. The recipients are the addresses
in a list, or else those in the sentence with the phrase, without those that `rolephrases` excludes.
"""

import re
from itertools import islice
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import ADDRESS, BEGINNING, bare, find_addresses, first_address
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.readers.delay import is_delay
from bouncegate.classifier.readers.phrases import FAILURE
from bouncegate.classifier.readers.recipientblocks import RecipientBlock, entries, reports
from bouncegate.classifier.readers.rolephrases import has_other_role, is_example, is_other, others
from bouncegate.classifier.reply import searchable
from bouncegate.classifier.report import Report

NAME: Final = "prose"
PATTERN: Final = ""

_ADDRESS: Final = re.compile(BEGINNING + ADDRESS)
# A quoted reply: its code, and more than a word after it.
_REPLY: Final = re.compile(
    r"(?:^|[\s\[(\"':>])([45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}[ -])?"
    r"[A-Za-z<\"'][^\n]{3,400}(?:\n[^\n]{1,200}){0,2})"
)
# What an SMTP client writes before the reply that it quotes: the server, and the phase.
_CLIENT: Final = re.compile(r"\bhost |said:|\b(?:rcpt|mail|data|ehlo|helo)\b", re.IGNORECASE)
_TO: Final = re.compile(r"[ \t>]*To:", re.IGNORECASE)
_FIELD: Final = re.compile(r"[ \t>]*(?:From|Subject|Date|Sent|Cc|Message-ID):", re.IGNORECASE)
# Names below a heading, each alone or followed by a gap and the reason.
_LOCAL_NAMES: Final = re.compile(
    r"(?:\brecipients?\b|\busers?\b|delivered to)[^\n]{0,120}:[ \t]*\n(?:[ \t]*\n)?"
    r"((?:[ \t]+[A-Za-z0-9][\w.+-]{0,63}(?:[ \t]{2,}[^\n@]{0,200})?[ \t]*(?:\n|\Z)){1,50})"
)
# Notices have a few paragraphs with a few addresses each. The limits bound the search for the role
# of each address.
_MOST_PARAGRAPHS: Final = 30
_MOST_ADDRESSES: Final = 100
# A shorter text explains nothing.
_SHORTEST: Final = 8
_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n")


def read(notification: Notification) -> list[Report]:
    """The recipients that the notice reports as failed."""
    text = notification.notice
    subject = notification.message.subject
    delayed = is_delay(notification)
    if not delayed and not FAILURE.occur(searchable(f"{subject}. {notification.line}")):
        return []
    known = others(notification)
    whole = _reply(text) or notification.line[: limits.DIAGNOSTIC]
    found = (
        _listed(text, known, whole)
        or _in_sentence(text, known, whole)
        or _in_subject(subject, known, whole)
        or _local_names(notification, whole)
        or _only_one(text, known, whole)
    )
    return reports(found, NAME, "delayed" if delayed else "failed")


def _listed(text: str, known: frozenset[str], whole: str) -> list[RecipientBlock]:
    """Addresses at the beginning of a line."""
    found: list[RecipientBlock] = []
    at = 0
    for entry in entries(text):
        at = max(at, text.find(entry.address, at))
        skipped = is_other(entry.address, known) or is_example(text, at) or _in_header(text, at)
        if not skipped:
            found.append(entry)
    if len(found) == 1 and not _REPLY.search(found[0].explanation) and _REPLY.search(text):
        return [RecipientBlock(found[0].address, whole)]
    return [
        RecipientBlock(e.address, _told(e.explanation) if len(e.explanation) > _SHORTEST else whole)
        for e in found
    ]


def _told(explanation: str) -> str:
    """The server's reply in an explanation, without the guesses of the notice before it."""
    reply = _REPLY.search(explanation)
    if reply is None or _CLIENT.search(explanation, 0, reply.start(1)):
        return explanation
    return explanation[reply.start(1) :]


def _in_header(text: str, at: int) -> bool:
    """Whether the address is in the To field of a header that the notice quotes.

    Such a field shows that the message was sent to the address, not that it failed there.
    """
    begin = text.rfind("\n", 0, at) + 1
    if not _TO.match(text, begin):
        return False
    before = text[text.rfind("\n", 0, max(begin - 1, 0)) + 1 : begin]
    end = text.find("\n", at)
    return bool(_FIELD.match(before) or (end >= 0 and _FIELD.match(text, end + 1)))


def _in_sentence(text: str, known: frozenset[str], whole: str) -> list[RecipientBlock]:
    """Addresses in a paragraph that reports a failure, in the next two, or in the one before."""
    paragraphs = _PARAGRAPH.split(text)
    failing = (n for n, words in enumerate(paragraphs) if FAILURE.occur(searchable(words)))
    for n in islice(failing, _MOST_PARAGRAPHS):
        for block in (*paragraphs[n : n + 3], *paragraphs[max(n - 1, 0) : n]):
            found = _addressed(block, known)
            if found:
                return [RecipientBlock(address, whole) for address in found]
    return []


def _only_one(text: str, known: frozenset[str], whole: str) -> list[RecipientBlock]:
    """The address without another role, if the notice has only one."""
    found = {address.lower(): address for address in _addressed(text, known)}
    return [RecipientBlock(address, whole) for address in found.values()] if len(found) == 1 else []


def _addressed(text: str, known: frozenset[str]) -> list[str]:
    """The addresses in a text that have no other role in it."""
    return [
        address
        for match in islice(_ADDRESS.finditer(text), _MOST_ADDRESSES)
        if not is_other(address := bare(match[0]), known)
        and not has_other_role(text, match.start())
    ]


def _in_subject(subject: str, known: frozenset[str], whole: str) -> list[RecipientBlock]:
    """Addresses in a subject such as `Undeliverable mail to max@example.com`."""
    if "@" not in subject or not FAILURE.occur(searchable(subject)):
        return []
    return [RecipientBlock(a, whole) for a in find_addresses(subject) if not is_other(a, known)]


def _local_names(notification: Notification, whole: str) -> list[RecipientBlock]:
    """Mailboxes of the author's domain that are named without the domain."""
    text = notification.notice
    match = _LOCAL_NAMES.search(text)
    domain = first_address(notification.message.author).partition("@")[2]
    if match is None or not domain:
        return []
    return [RecipientBlock(f"{line.split()[0]}@{domain}", whole) for line in match[1].splitlines()]


def _reply(text: str) -> str:
    """The server's reply that the notice quotes, `""` if there is none."""
    match = _REPLY.search(text)
    return " ".join(match[1].split()) if match else ""
