"""An Authentication-Results field (RFC 8601, 2.2): what a host found out about a message.

Read strictly: a field that is not what the standard says is none at all. The property values come
from the message, and so from a stranger; a host has to quote what needs it.

The name of the host has to stand first, as it is: neither quoted nor behind a comment. Filters
that take away what strangers have written look for the name as hosts write it, and what a filter
has not known must not be believed. White space is that of the standard, no other of Unicode's.
"""

import re
from typing import Final, NamedTuple

from bouncegate.classifier.alive.lexer import Malformed, pieces, unquoted

_MOST_RESULTS: Final = 64
_VALUE: Final = r'(?:"(?:[^"\\]|\\.)*"|[^\s;"=()]+)'
# A local part in quotes stands before its domain: `"a b"@example.com`.
_PVALUE: Final = rf"(?:{_VALUE}(?:@[^\s;\"=()@]+)?)"
# A token (RFC 2045, 5.1).
_ID: Final = re.compile(r"\s*([!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)(?:\s+([0-9]+))?\s*", re.ASCII)
_METHOD: Final = re.compile(
    r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s*/\s*(\d+))?\s*=\s*([A-Za-z][A-Za-z0-9-]*)(?=\s|$)",
    re.ASCII,
)
# `reason=...`, and what some write without a type, such as `action=none`, is read alike.
_PROPERTY: Final = re.compile(
    r"\s+((?:[A-Za-z][A-Za-z0-9-]*\s*\.\s*)?[A-Za-z][A-Za-z0-9_-]*)\s*=\s*"
    rf"({_PVALUE})(?=\s|$)",
    re.ASCII,
)
_VERSION: Final = "1"  # RFC 8601, 2.2: of the field and of each method


class Result(NamedTuple):
    """What one method said; names in lower case."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...]
    """Such as `("header.d", "example.com")`."""

    def value(self, name: str) -> str:
        """The first property of a name, empty where there is none."""
        return next((value for known, value in self.properties if known == name), "")


class AuthResults(NamedTuple):
    """A whole field."""

    authserv_id: str
    """Who said so, in lower case."""
    results: tuple[Result, ...]


def parse(text: str) -> AuthResults | None:
    """The results that the value of a field tells; None for what is no such field."""
    try:
        first, *rest = _split(text)
    except Malformed:
        return None
    identity = None if text.lstrip().startswith("(") else _ID.fullmatch(first)
    if identity is None or (identity[2] or _VERSION) != _VERSION or not rest:
        return None
    results: list[Result] = []
    for piece in rest if _says_something(rest) else ():
        result = _result(piece)
        if result is None:
            return None
        results.append(result)
    return AuthResults(identity[1].lower(), tuple(results))


def _split(text: str) -> list[str]:
    """The parts between semicolons that stand in no quotes and no comment; raises Malformed."""
    parts = [""]
    for piece in pieces(text):
        if piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    if len(parts) > _MOST_RESULTS:
        raise Malformed("too many results")
    if len(parts) > 2 and not parts[-1].strip():  # a semicolon at the end, which many write
        parts.pop()
    return parts


def _says_something(parts: list[str]) -> bool:
    return [part.strip().lower() for part in parts] != ["none"]


def _result(text: str) -> Result | None:
    method = _METHOD.match(text)
    if method is None or (method[2] or _VERSION) != _VERSION:
        return None
    place = method.end()
    properties: list[tuple[str, str]] = []
    while match := _PROPERTY.match(text, place):
        properties.append(("".join(match[1].lower().split()), unquoted(match[2])))
        place = match.end()
    if text[place:].strip():
        return None
    return Result(method[1].lower(), method[3].lower(), tuple(properties))
