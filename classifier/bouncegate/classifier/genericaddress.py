r"""The generic address of a recipient field: `type; address` (RFC 3464, 2.1.2 and 2.3.1).

It is used whole or not at all: a part of a malformed one could be another person's address. So
`v x@example.com`, an address of another type, two addresses, or a truncated address name no
recipient, and the field is kept unchanged, which no other code takes for an address either. An
address in the encoding of RFC 6533, 3 (`v\x{20}x@example.com`) is decoded first, and its local part
is quoted if necessary. A report has no xtext (RFC 3461, 4): the MTA has decoded it, and `+2B` is
literal.
"""

import re
from typing import Final

from bouncegate.classifier import limits

QUOTED_LOCAL: Final = r'"(?:[^"\\\n]|\\.){1,128}"'
_DOMAIN: Final = r"(?:\[[0-9A-Za-z.:-]{3,60}\]|[\w.-]{1,255})"
# RFC 5322, 3.2.3, and any character of RFC 6532; dots may be at any position.
_WHOLE: Final = re.compile(
    rf"(?:{QUOTED_LOCAL}|[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f]{{1,128}})@{_DOMAIN}"
)
_TYPE: Final = re.compile(r"[ \t]*([A-Za-z0-9-]{1,40})[ \t]*;")
# Types whose addresses are not mail addresses, even with an @ in them: X.400 (RFC 3464, 2.1.2),
# UUCP, and Sendmail's types for a file or a program.
_OF_OTHER_SYSTEMS: Final = frozenset(
    {"x400", "x-x400", "x500", "x-x500", "uucp", "x-uucp", "x-unix"}
)
# RFC 5322, 3.2.2; quoted strings are skipped, since a comment does not begin in one.
_COMMENT: Final = re.compile(r'("(?:[^"\\]|\\.)*")|\([^()]*\)')
# RFC 5322, 3.4: a name, which may be an address in quotes, and the address in brackets.
_NAMED: Final = re.compile(r'(?:"[^"]*"|[^<>@"])*<([^<>\n]*)>[^<>@]*')
_FIRST_WORD: Final = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^\s"])+)(.*)', re.DOTALL)
# Both at the beginning alone: without one in its middle, a word would be another person's address.
_SCHEME: Final = re.compile(r"\A(?:smtp|mailto|rfc-?822|internet)[:=][ \t]*", re.IGNORECASE)
_SOURCE_ROUTE: Final = re.compile(r"\A@[^:]{1,600}:(?=.*@)")
_PAIRS: Final = frozenset({"''", "``", '""', "()", "[]", "{}", "<>", "`'"})
# Punctuation after an address.
_BEHIND: Final = ",;:."
_WRAPPING: Final = "<>\"'`()[]{}|,;:= \t\n"
# RFC 6533, 3: a character in ASCII, `\x{1F408}`.
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
# Some systems put a host where a recipient belongs.
_HOST: Final = re.compile(r"@[\w.-]{1,255}")


def generic_address(value: str) -> str:
    """The mail address of a field, or a name without an @; any other value unchanged.

    Comments, brackets, a display name and a source route (RFC 5321, C) are removed.
    """
    value = value.strip()
    if len(value) > limits.ADDRESS:
        return value[: limits.ADDRESS]  # longer than any address, and so none
    kind = _TYPE.match(value)
    text = value[kind.end() :].strip() if kind else value
    if "@" not in text:
        return text.split(" ", maxsplit=1)[0].strip(_WRAPPING)
    is_mail = kind is None or kind[1].lower() not in _OF_OTHER_SYSTEMS
    return (_address(text) if is_mail else "") or (text if _HOST.fullmatch(text) else value)


def _address(text: str) -> str:
    """The one address in a text, `""` if there is none or more than one."""
    text = _COMMENT.sub(lambda match: match[1] or " ", text).strip()
    word = _word(text)
    if "\\" in word and (decoded := _decoded(word)) != word:
        return _quoted(decoded)
    return word if _WHOLE.fullmatch(word) else ""


def _word(text: str) -> str:
    """The text in brackets, or else the first word, if there is no @ outside of it."""
    named = _NAMED.fullmatch(text)
    if named:
        return _bare(named[1].strip())
    first = _FIRST_WORD.fullmatch(text)
    return "" if first is None or "@" in first[2] else _bare(first[1])


def _bare(word: str) -> str:
    word = word.rstrip(_BEHIND)
    while len(word) > 1 and word[0] + word[-1] in _PAIRS:
        word = word[1:-1].rstrip(_BEHIND)
    return _SOURCE_ROUTE.sub("", _SCHEME.sub("", word, count=1), count=1)


def _decoded(word: str) -> str:
    """The word with its embedded characters decoded, `""` if one of them is invalid."""
    codes = {int(code, 16) for code in _EMBEDDED.findall(word)}
    if any(code > 0x10FFFF or 0xD800 <= code < 0xE000 for code in codes):
        return ""
    if codes and "\\" in _EMBEDDED.sub("", word):
        return ""
    return _EMBEDDED.sub(lambda match: chr(int(match[1], 16)), word)


def _quoted(address: str) -> str:
    """A decoded address, its local part quoted if necessary (RFC 5321, 4.1.2)."""
    if _WHOLE.fullmatch(address):
        return address
    local, _, domain = address.rpartition("@")
    if not local or not local.isprintable():
        return ""
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    quoted = f'"{escaped}"@{domain}'
    return quoted if _WHOLE.fullmatch(quoted) else ""
