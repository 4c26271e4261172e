"""Addresses in a notice that are not failed recipients.

For example the sender, the mail daemon, a contact for help, the owner of a list, or an example of
how addresses are formed.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification

# Words before an address, on its line, that give it another role.
_OTHER_ROLE: Final = re.compile(
    r"(?:^|[\s(\"'*])(?:from|sender|reply(?:-?to| to)|return-?path|contact|e-?mail us|write to"
    r"|call|ask|help|support|questions?|mail from|envelope-from|message-?id|mailto|by"
    r"|server|visit|report(?: this)? to"
    r"|von|absender|de|expéditeur|remitente|от|отправитель|nadawca|差出人|送信者|发件人|cc|bcc"
    r"|sent by|originator|administrator|postmaster|in-reply-to|references)"
    # Possessive, so that many spaces do not cause excessive backtracking.
    r"[ \t]*+(?:at|to|:|=|\uff1a|is|the|an?|<|\"|'|\s)*+$"
    r"|(?:^|[\s(\"'*])please (?:send|forward|e-?mail|reply)[^.\n]{0,60}$",
    re.IGNORECASE,
)
# A line about the sender, with any name before the address.
_SENDER_LINE: Final = re.compile(
    r"[ \t>*|]*(?:original |envelope[ -])?(?:from|sender|reply-?to|return-?path|von|absender|de"
    r"|expéditeur|remitente|mittente|remetente|afzender|от|отправитель|nadawca|差出人|送信者|发件人)"
    r"[ \t]?[:\uff1a]",
    re.IGNORECASE,
)
# An address pattern, or an address to try instead, within a sentence that may span lines.
_EXAMPLE: Final = re.compile(
    r"\b(?:if|such as|e\.g\.|for example|instead|try(?: (?:sending|writing|e-?mailing)(?: to)?)?"
    r"|(?:form|format|pattern)s? of .{0,60}address(?:es)?.{0,30} is)[,:]?[\s<\"']*$",
    re.IGNORECASE | re.DOTALL,
)
# A label that gives the address after it another role, anywhere on the line.
_HELP_LABEL: Final = re.compile(
    r"(?:お?問い?合わ?せ先?|hilfe|fragen|aide|assistance|ayuda|aiuto|ajuda|pomoc|помощь)"
    r"[ \t]*[:\uff1a?]",
    re.IGNORECASE,
)
_OFFICIALS: Final = frozenset(
    {
        "postmaster", "mailer-daemon", "mailerdaemon", "abuse", "support", "helpdesk",
        "hostmaster", "webmaster", "administrator", "noreply", "no-reply", "mail-daemon",
        "listserv", "majordomo",
    }
)  # fmt: skip
# Addresses in authentication results and policies: `smtp.mailfrom=news@example.com`.
_NAMED_AS_SENDER: Final = re.compile(
    r"(?:[\w.-]*mailfrom|[\w.-]*from|sender|header\.\w+|smtp\.\w+)=|identity/", re.IGNORECASE
)
# RFC 2142, 6, and the suffixes of a list's other addresses.
_OF_A_LIST: Final = ("-owner", "-admin", "-request", "-bounces", "-help", "-unsubscribe")
_LONGEST_HEADER: Final = 8 * limits.VALUE
_LONGEST_ROLE: Final = 120


def others(notification: Notification) -> frozenset[str]:
    """The addresses of the notice's author and recipient, and of the original sender."""
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


def is_other(address: str, known: frozenset[str]) -> bool:
    """Whether the address is one of the `others`, or a contact or role address."""
    lowered = address.lower()
    local = lowered.partition("@")[0]
    return (
        lowered in known
        or local in _OFFICIALS
        or local.endswith(_OF_A_LIST)
        or _NAMED_AS_SENDER.match(lowered) is not None
    )


def has_other_role(text: str, position: int) -> bool:
    """Whether the words before the address at `position` give it another role."""
    begin = max(text.rfind("\n", 0, position) + 1, position - _LONGEST_ROLE)
    before = text[begin:position]
    if _SENDER_LINE.match(before) or _OTHER_ROLE.search(before) or _HELP_LABEL.search(before):
        return True
    return is_example(text, position)


def is_example(text: str, position: int) -> bool:
    """Whether the address at `position` is an example, or one to try instead."""
    return bool(_EXAMPLE.search(text[max(0, position - _LONGEST_ROLE) : position]))
