"""Files of addresses: one a line, also as `Ann <ann@example.com>`, with `#` for comments."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

# RFC 5321, 4.5.3.1.3, and room for a name: a longer line has no address.
_LONGEST: Final = 1000
_IN_BRACKETS: Final = re.compile(r"<([^<>]*)>\s*$")


class Line(NamedTuple):
    """One address of a file."""

    number: int
    text: str
    """As written; a line that is too long is cut, and is then no address either."""


def addresses_of(file: BinaryIO) -> Iterator[Line]:
    """The addresses of a file in UTF-8; raises OSError."""
    number = 0
    while octets := file.readline(_LONGEST):
        number += 1
        whole = octets.endswith(b"\n") or len(octets) < _LONGEST
        while not whole and (rest := file.readline(_LONGEST)):
            whole = rest.endswith(b"\n")
        text = octets.decode("utf-8-sig", "replace").strip()
        if text and not text.startswith("#"):
            yield Line(number, bare(text))


def bare(text: str) -> str:
    """An address without the display name."""
    inside = _IN_BRACKETS.search(text)
    return inside[1].strip() if inside else text
