"""Structured header fields taken apart (RFC 5322, 3.2): comments, quoted strings, and all else.

Bounded by the length of the text, and without recursion: comments nest as deep as they like.
"""

from collections.abc import Iterator
from typing import Final

# Some carry a chain of results; the longest that large receivers write have some 2,000 characters.
LONGEST: Final = 8192


class Malformed(ValueError):
    """A quote or a comment has no end, or the text is too long."""


def pieces(text: str) -> Iterator[str]:
    """The text in pieces, without comments: quoted strings with their quotes, single characters.

    A comment is a space. Raises Malformed.
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
        raise Malformed("a comment has no end")


def without_comments(text: str) -> str:
    """The text with a space for each comment; raises Malformed."""
    return "".join(pieces(text))


def unquoted(text: str) -> str:
    """A quoted string without its quotes and backslashes; any other text as it is."""
    if not (len(text) >= 2 and text.startswith('"') and text.endswith('"')):
        return text
    characters = iter(text[1:-1])
    return "".join(next(characters, "") if c == "\\" else c for c in characters)


def _end_of_quoted(text: str, start: int) -> int:
    place = start + 1
    while place < len(text) and text[place] != '"':
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        raise Malformed("a quoted string has no end")
    return place + 1
