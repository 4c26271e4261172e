"""The header of a message, field by field in the order in which they stand.

Whoever passes a message on puts his fields above those that he found (RFC 5321, 4.4), so that the
order tells which of them can be ours. Octets are taken as they are, in UTF-8 (RFC 6532): another
charset would let them spell what no filter has seen, as ISO 2022 does by its escape sequences.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from bouncegate.classifier.message import split_header, with_lf

# Real messages have some 30 fields, and some 100 behind many gateways.
_MOST_FIELDS: Final = 1000
_STRICT: Final = "authentication-results"
_FOLD: Final = re.compile(r"\n(?![ \t])")
_FOLDED: Final = re.compile(r"\n([ \t])")


class Field(NamedTuple):
    """One field."""

    name: str
    """In lower case."""
    value: str
    """Unfolded."""


def _name(written: str) -> str:
    """A name without the space that RFC 5322, 4.5 allows; not all filters know it by that.

    A field that a filter may not have seen must not pass for one that it wrote.
    """
    name = written.strip()
    return written if name == _STRICT else name


def fields_of(raw: bytes) -> Sequence[Field]:
    """The fields of a message, the topmost first."""
    header, _ = split_header(with_lf(raw).lstrip())
    fields: list[Field] = []
    for line in _FOLD.split(header.decode("utf-8", "replace"), _MOST_FIELDS)[:_MOST_FIELDS]:
        name, colon, value = line.partition(":")
        if colon:
            fields.append(Field(_name(name.lower()), _FOLDED.sub(r"\1", value).strip(" \t")))
    return fields
