"""Addresses as notices write them: in angle brackets, quoted, routed, typed or bare."""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.genericaddress import QUOTED_LOCAL, generic_address

# What no local part holds unquoted (RFC 5322, 3.2.3), and quotation marks and the punctuation of
# Chinese and Japanese, which stand at an address without a space.
_NEVER_LOCAL: Final = (
    r"\s\"(),:;<>@\[\\\]\x00-\x1f{}|\u00ab\u00bb\u2018-\u201f\u2039\u203a"
    r"\u3000-\u303f\uff01-\uff0f\uff1a-\uff20"
)
# Dots may stand anywhere: Japanese carriers gave out such addresses for years.
_ATOM_LOCAL: Final = rf"[^{_NEVER_LOCAL}]{{1,128}}"
# A domain in ASCII ends where Chinese or Japanese words go on without a space; one of U-labels
# (RFC 5890) is taken as a whole. Neither goes on behind what is taken, nor does another @ follow.
_DOMAIN: Final = (
    r"(?:\[[0-9A-Za-z.:-]{3,60}\]"
    r"|[0-9A-Za-z][0-9A-Za-z_-]{0,62}(?:\.[0-9A-Za-z_][0-9A-Za-z_-]{0,62}){1,12}"
    r"(?![\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u05ff])(?!\.?[0-9A-Za-z_@-])"
    r"|[^\W_][\w-]{0,62}(?:\.[^\W_][\w-]{0,62}){1,12}(?!\.?[\w@-]))"
)
ADDRESS: Final = rf"(?:{QUOTED_LOCAL}|{_ATOM_LOCAL})@{_DOMAIN}"
# An address begins behind a character that it cannot hold: no other place need be tried. It does
# not begin amid a longer word, such as `a|b@`, `a@b@` or `v\x{20}x@` (RFC 6533, 3): what stands
# behind these characters could be another person's.
BEGINNING: Final = rf"(?<![^{_NEVER_LOCAL}])(?<!@)(?<![^\s][{{}}|\\])"
_ADDRESS: Final = re.compile(BEGINNING + ADDRESS)
# Quotes, and the type of an address as X.400 gateways write it.
_AT_IT: Final = re.compile(
    r"^(?:['`]|(?:smtp|rfc-?822|mailto|internet|recipient|rcpt(?:_to)?|to|address|user|e-?mail)=)+",
    re.IGNORECASE,
)
# Words without a space before an address in ASCII: `收件人max@example.com`.
_WORDS_AT_IT: Final = re.compile(r"^[\u3040-\u9fff\uac00-\ud7af]+(?=[!-~]+@[!-~]+$)")
# What nearly every field holds: the rest is for the others.
_PLAIN: Final = re.compile(
    r"(?:(?:rfc822|RFC822)[ \t]?;[ \t]{0,4})?(?:<([\w.+=-]{1,128}@[\w.-]{1,255})>"
    r"|([\w.+=-]{1,128}@[\w.-]{1,255}))"
)


def find_addresses(text: str) -> list[str]:
    """All addresses in the text, in order, each once."""
    return list(dict.fromkeys(map(bare, _ADDRESS.findall(text)))) if "@" in text else []


def bare(address: str) -> str:
    """An address found among words, without the quotes, type or full stop that stand at it."""
    return _WORDS_AT_IT.sub("", _AT_IT.sub("", address)).rstrip(".'")


def first_address(text: str) -> str:
    """The first address in the text, `""` without one."""
    match = _ADDRESS.search(text)
    return bare(match[0]) if match else ""


def typed_address(value: str) -> str:
    """The address of a field such as `rfc822; user@example.com` (RFC 3464, 2.3.1).

    Of what is no address, but has an @, nothing is taken that could be another person's.
    """
    plain = _PLAIN.fullmatch(value[: limits.ADDRESS])
    return (plain[1] or plain[2]) if plain else generic_address(value)
