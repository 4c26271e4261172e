"""Text from outside as a record may hold it: on one line, bounded, and nothing unseen in it.

Servers, senders and files choose what stands in a diagnostic, a mailing's name or a remark. A
control character writes to the terminal of whoever reads it, a bidirectional one (Unicode TR 36)
shows the words in another order, one that is not drawn makes two names look alike, and a lone
surrogate is no text at all: it cannot be encoded. So text is cleaned where it becomes part of a
record, and nothing behind that point meets any of them.

An address is never cleaned: what is left could be another person's. `bouncegate.store.address`
refuses it instead.
"""

import re
from collections.abc import Callable
from typing import Final

LONGEST_LINE: Final = 998
"""Characters of what stands in one line of a header, such as the name of a mailing or a group (RFC
5322, 2.1.1)."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands where a character was that no record holds, so that two names that differ still do."""

# Categories Cc, Cf, Cs, Co, Cn, Zl, Zp and Zs are what `str.isprintable` does not take. These are
# of others, but fonts draw nothing for them (Default_Ignorable_Code_Point, UAX 44): the grapheme
# joiner, fillers of Hangul, vowels of Khmer, selectors of Mongolian, supplementary variants.
_NOT_DRAWN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\U000e0100-\U000e01ef]"
)
# Category Zs: no-break space, the space of Chinese and Japanese, and others of certain widths.
_SPACES: Final = frozenset("\xa0\u1680\u202f\u205f\u3000").union(map(chr, range(0x2000, 0x200B)))


def is_clean(text: str) -> bool:
    """Whether a text is as `visible` leaves it."""
    return text.isprintable() and (text.isascii() or _NOT_DRAWN.search(text) is None)


def clean(text: str, longest: int) -> str:
    """A text for a record: cleaned, and of at most so many characters."""
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return text  # nearly every one: an event has sixteen, and each is looked at once
    return visible(text[:longest])


def visible(text: str) -> str:
    """A text on one line: white space as spaces, all else that is not seen replaced."""
    if is_clean(text):
        return text
    return "".join(c if is_clean(c) else " " if c.isspace() else REPLACEMENT for c in text)


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """A text whose every character that is not seen is escaped; spaces of languages stay."""
    if is_clean(text):
        return text
    return "".join(c if c in _SPACES or is_clean(c) else escape(c) for c in text)


def printable(text: str) -> str:
    r"""The text on one line: what is not printable becomes an escape such as `\x0a`."""
    return escaped(text, _escape)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, which is plural unless the number is 1: "2 addresses"."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith(("s", "sh", "ch", "x")):
        return f"{number} {noun}es"
    return f"{number} {noun.removesuffix('y')}ies" if noun.endswith("ry") else f"{number} {noun}s"


def text_of(value: object, hint: str) -> str:
    """A setting that has to be text; raises ValueError with what would be right."""
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {value!r}: {hint}")
    return value
