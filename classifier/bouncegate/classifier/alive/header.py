"""Header fields (RFC 5322): the fields of a message in order, and a lexer for structured ones.

Each host puts its own fields above those it received (RFC 5321, 4.4), so the order shows which
fields can be ours. Octets are decoded as UTF-8 (RFC 6532): another charset could spell text that no
filter has seen, as ISO 2022 does by its escape sequences.

The lexer splits a field into comments, quoted strings and other characters (RFC 5322, 3.2). It is
bounded by the length of the text, and not recursive: comments may be nested to any depth.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bouncegate.classifier.message import split_header, with_lf

# Real messages have about 30 fields, and about 100 after many gateways.
_MOST_FIELDS: Final = 1000
_STRICT: Final = "authentication-results"
_FOLD: Final = re.compile(r"\n(?![ \t])")
_FOLDED: Final = re.compile(r"\n([ \t])")
# Characters of a structured field. Some have a chain of results; the longest of large receivers
# have about 2,000 characters.
LONGEST: Final = 8192


class Field(NamedTuple):
    """One field."""

    name: str
    """In lower case."""
    value: str
    """Unfolded."""


def _name(written: str) -> str:
    """A field name without the space that RFC 5322, 4.5 allows before the colon.

    Not all filters recognise a name with that space, so Authentication-Results keeps it: a field
    that a filter may have missed must not be trusted.
    """
    name = written.strip()
    return written if name == _STRICT else name


def fields_of(raw: bytes) -> Sequence[Field]:
    """The fields of a message, topmost first."""
    header, _ = split_header(with_lf(raw).lstrip())
    fields: list[Field] = []
    for line in _FOLD.split(header.decode("utf-8", "replace"), _MOST_FIELDS)[:_MOST_FIELDS]:
        name, colon, value = line.partition(":")
        if colon:
            fields.append(Field(_name(name.lower()), _FOLDED.sub(r"\1", value).strip(" \t")))
    return fields


class Malformed(ValueError):
    """A quoted string or a comment is unterminated, or the text is too long."""


def pieces(text: str) -> Iterator[str]:
    """The tokens of a text: quoted strings with their quotes, and single characters.

    A comment becomes a space. Raises Malformed.
    """
    if len(text) > LONGEST:
        raise Malformed("the field is too long")
    depth = place = 0
    while place < len(text):
        character = text[place]
        if character == "\\" and depth:
            place += 1
        elif character == "(":
            depth += 1
        elif character == ")" and depth:
            depth -= 1
            yield " "
        elif character == '"' and not depth:
            end = _end_of_quoted(text, place)
            yield text[place:end]
            place = end - 1
        elif not depth:
            yield character
        place += 1
    if depth:
        raise Malformed("a comment is unterminated")


def without_comments(text: str) -> str:
    """The text with each comment replaced by a space; raises Malformed."""
    return "".join(pieces(text))


def unquoted(text: str) -> str:
    """A quoted string without its quotes and backslashes; any other text unchanged."""
    if not (len(text) >= 2 and text.startswith('"') and text.endswith('"')):
        return text
    characters = iter(text[1:-1])
    return "".join(next(characters, "") if c == "\\" else c for c in characters)


def _end_of_quoted(text: str, start: int) -> int:
    place = start + 1
    while place < len(text) and text[place] != '"':
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        raise Malformed("a quoted string is unterminated")
    return place + 1
