"""Addresses as notices write them: in angle brackets, quoted, routed, typed or bare."""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.genericaddress import QUOTED_LOCAL, generic_address

# Characters that an unquoted local part cannot have (RFC 5322, 3.2.3), and quotation marks and
# Chinese and Japanese punctuation, which may touch an address without a space.
_NEVER_LOCAL: Final = (
    r"\s\"(),:;<>@\[\\\]\x00-\x1f{}|\u00ab\u00bb\u2018-\u201f\u2039\u203a"
    r"\u3000-\u303f\uff01-\uff0f\uff1a-\uff20"
)
# Dots may be at any position: Japanese carriers assigned such addresses for years.
_ATOM_LOCAL: Final = rf"[^{_NEVER_LOCAL}]{{1,128}}"
# A domain in ASCII ends where Chinese or Japanese words follow without a space; a domain of
# U-labels (RFC 5890) is matched as a whole. Neither continues after the match, nor does an @
# follow.
_DOMAIN: Final = (
    r"(?:\[[0-9A-Za-z.:-]{3,60}\]"
    r"|[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z_][0-9A-Za-z_-]{0,62}){1,12}"
    r"(?![\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u05ff])(?!\.?[0-9A-Za-z_@-])"
    r"|[^\W_][\w-]{0,62}(?:\.[^\W_][\w-]{0,62}){1,12}(?!\.?[\w@-]))"
)
ADDRESS: Final = rf"(?:{QUOTED_LOCAL}|{_ATOM_LOCAL})@{_DOMAIN}"
# An address begins after a character that it cannot contain, so no other position is tried. It does
# not begin within a longer word, such as `a|b@`, `a@b@` or `v\x{20}x@` (RFC 6533, 3): the rest
# could be another person's address.
BEGINNING: Final = rf"(?<![^{_NEVER_LOCAL}])(?<!@)(?<![^\s][{{}}|\\])"
_ADDRESS: Final = re.compile(BEGINNING + ADDRESS)
# Quotes, and the type of an address as X.400 gateways write it.
_AT_IT: Final = re.compile(
    r"^(?:['`]|(?:smtp|rfc-?822|mailto|internet|recipient|rcpt(?:_to)?|to|address|user|e-?mail)=)+",
    re.IGNORECASE,
)
# Words without a space before an address in ASCII: `收件人max@example.com`.
_WORDS_AT_IT: Final = re.compile(r"^[\u3040-\u9fff\uac00-\ud7af]+(?=[!-~]+@[!-~]+$)")
# Particles without a space behind one: `max@example.com에게`. No name of a zone mixes scripts so.
_WORDS_BEHIND: Final = re.compile(r"(?<=[0-9A-Za-z])[\u3040-\u9fff\uac00-\ud7af]+$")
# The fast path for nearly every field; the slower patterns handle the rest.
_PLAIN: Final = re.compile(
    r"(?:(?:rfc822|RFC822)[ \t]?;[ \t]{0,4})?(?:<([\w.+=-]{1,128}@[\w.-]{1,255})>"
    r"|([\w.+=-]{1,128}@[\w.-]{1,255}))"
)


def find_addresses(text: str) -> list[str]:
    """All addresses in the text, in order, without duplicates."""
    return list(dict.fromkeys(map(bare, _ADDRESS.findall(text)))) if "@" in text else []


def bare(address: str) -> str:
    """An address found in a text, without adjacent quotes, type or full stop."""
    if address.isascii() and "=" not in address and address[:1] not in "'`":
        return address.rstrip(".'")  # as nearly all are: none of the patterns can match
    found = _WORDS_AT_IT.sub("", _AT_IT.sub("", address)).rstrip(".'")
    return found if found.isascii() else _WORDS_BEHIND.sub("", found)


def first_address(text: str) -> str:
    """The first address in the text, `""` without one."""
    match = _ADDRESS.search(text)
    return bare(match[0]) if match else ""


def typed_address(value: str) -> str:
    """The address of a field such as `rfc822; user@example.com` (RFC 3464, 2.3.1).

    Of what is no address, but has an @, nothing is taken that could be another person's.
    """
    plain = _PLAIN.fullmatch(value[: limits.ADDRESS])
    address = (plain[1] or plain[2]) if plain else generic_address(value)
    local, at, domain = address.rpartition("@")
    if not at or domain.islower():
        return address
    return f"{local}{at}{domain.lower()}"
