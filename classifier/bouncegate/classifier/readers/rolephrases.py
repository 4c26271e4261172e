"""Whom a notice names for other ends than to say who was not reached.

The sender, the daemon itself, whom to ask for help, the owner of a list, an example of how
addresses are formed.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.addresses import find_addresses
from bouncegate.classifier.notification import Notification

# Words before an address, on its line, that make it somebody else.
_OTHER_ROLE: Final = re.compile(
    r"(?:^|[\s(\"'*])(?:from|sender|reply(?:-?to| to)|return-?path|contact|e-?mail us|write to"
    r"|call|ask|help|support|questions?|mail from|envelope-from|message-?id|mailto|by"
    r"|server|visit|report(?: this)? to"
    r"|von|absender|de|expéditeur|remitente|от|отправитель|nadawca|差出人|送信者|发件人|cc|bcc"
    r"|sent by|originator|administrator|postmaster|in-reply-to|references)"
    # What is taken is not given back: else many spaces would be shared out in every way.
    r"[ \t]*+(?:at|to|:|=|\uff1a|is|the|an?|<|\"|'|\s)*+$"
    r"|(?:^|[\s(\"'*])please (?:send|forward|e-?mail|reply)[^.\n]{0,60}$",
    re.IGNORECASE,
)
# A line for the sender, whatever name stands before the address.
_SENDER_LINE: Final = re.compile(
    r"[ \t>*|]*(?:original |envelope[ -])?(?:from|sender|reply-?to|return-?path|von|absender|de"
    r"|expéditeur|remitente|mittente|remetente|afzender|от|отправитель|nadawca|差出人|送信者|发件人)"
    r"[ \t]?[:\uff1a]",
    re.IGNORECASE,
)
# A pattern of addresses, or one to try instead: in a sentence, which lines may break.
_EXAMPLE: Final = re.compile(
    r"\b(?:if|such as|e\.g\.|for example|instead|try(?: (?:sending|writing|e-?mailing)(?: to)?)?"
    r"|(?:form|format|pattern)s? of .{0,60}address(?:es)?.{0,30} is)[,:]?[\s<\"']*$",
    re.IGNORECASE | re.DOTALL,
)
# A label that makes the address behind it somebody else's, wherever the line goes on.
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
# What authentication results and policies name: `smtp.mailfrom=news@example.com`.
_NAMED_AS_SENDER: Final = re.compile(
    r"(?:[\w.-]*mailfrom|[\w.-]*from|sender|header\.\w+|smtp\.\w+)=|identity/", re.IGNORECASE
)
# RFC 2142, 6, and the names that list managers give to a list's other addresses.
_OF_A_LIST: Final = ("-owner", "-admin", "-request", "-bounces", "-help", "-unsubscribe")
_LONGEST_HEADER: Final = 8 * limits.VALUE
_LONGEST_ROLE: Final = 120


def others(notification: Notification) -> frozenset[str]:
    """Addresses of the notice's author, of whom it is sent to, and of the original sender."""
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
    """Whether the address is one of the `others`, or one that people write to for help."""
    lowered = address.lower()
    local = lowered.partition("@")[0]
    return (
        lowered in known
        or local in _OFFICIALS
        or local.endswith(_OF_A_LIST)
        or _NAMED_AS_SENDER.match(lowered) is not None
    )


def has_other_role(text: str, position: int) -> bool:
    """Whether the words before the address at that position make it somebody else."""
    begin = max(text.rfind("\n", 0, position) + 1, position - _LONGEST_ROLE)
    before = text[begin:position]
    if _SENDER_LINE.match(before) or _OTHER_ROLE.search(before) or _HELP_LABEL.search(before):
        return True
    return is_example(text, position)


def is_example(text: str, position: int) -> bool:
    """Whether the address at that position is an example, or one to try instead."""
    return bool(_EXAMPLE.search(text[max(0, position - _LONGEST_ROLE) : position]))
