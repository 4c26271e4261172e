"""Parses Authentication-Results fields (RFC 8601, 2.2): a host's findings about a message.

The parser is strict: a field that violates the standard is ignored. The property values come from
the message, and so from a stranger; the host must quote those that need it.

The authserv-id must come first, neither quoted nor after a comment. Filters that remove forged
fields look for the authserv-id as hosts write it, and a field that a filter may have missed must
not be trusted. Only the white space of the standard counts, not that of Unicode.
"""

import re
from typing import Final, NamedTuple

from bouncegate.classifier.alive.header import Malformed, pieces, unquoted

_MOST_RESULTS: Final = 64
_VALUE: Final = r'(?:"(?:[^"\\]|\\.)*"|[^\s;"=()]+)'
# A local part may be quoted: `"a b"@example.com`.
_PVALUE: Final = rf"(?:{_VALUE}(?:@[^\s;\"=()@]+)?)"
# A token (RFC 2045, 5.1).
_ID: Final = re.compile(r"\s*([!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)(?:\s+([0-9]+))?\s*", re.ASCII)
_METHOD: Final = re.compile(
    r"\s*([A-Za-z][A-Za-z0-9-]*)(?:\s*/\s*(\d+))?\s*=\s*([A-Za-z][A-Za-z0-9-]*)(?=\s|$)",
    re.ASCII,
)
# `reason=...`, and properties that some hosts write without a type, such as `action=none`, are
# parsed alike.
_PROPERTY: Final = re.compile(
    r"\s+((?:[A-Za-z][A-Za-z0-9-]*\s*\.\s*)?[A-Za-z][A-Za-z0-9_-]*)\s*=\s*"
    rf"({_PVALUE})(?=\s|$)",
    re.ASCII,
)
_VERSION: Final = "1"  # RFC 8601, 2.2: of the field and of each method


class Result(NamedTuple):
    """The result of one method; names in lower case."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...]
    """Such as `("header.d", "example.com")`."""

    def value(self, name: str) -> str:
        """The first property with a name, empty if there is none."""
        return next((value for known, value in self.properties if known == name), "")


class AuthResults(NamedTuple):
    """A whole field."""

    authserv_id: str
    """The host that added the field, in lower case."""
    results: tuple[Result, ...]


def parse(text: str) -> AuthResults | None:
    """Parse the value of a field; None if it violates the standard."""
    try:
        first, *rest = _split(text)
    except Malformed:
        return None
    identity = None if text.lstrip().startswith("(") else _ID.fullmatch(first)
    if identity is None or (identity[2] or _VERSION) != _VERSION or not rest:
        return None
    results: list[Result] = []
    for piece in rest if _has_results(rest) else ():
        result = _result(piece)
        if result is None:
            return None
        results.append(result)
    return AuthResults(identity[1].lower(), tuple(results))


def _split(text: str) -> list[str]:
    """The parts between semicolons outside quotes and comments; raises Malformed."""
    parts = [""]
    for piece in pieces(text):
        if piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    if len(parts) > _MOST_RESULTS:
        raise Malformed("too many results")
    if len(parts) > 2 and not parts[-1].strip():  # a trailing semicolon, which is common
        parts.pop()
    return parts


def _has_results(parts: list[str]) -> bool:
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
