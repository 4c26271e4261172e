"""The arguments of MAIL and RCPT (RFC 5321, 4.1.1.2 and 4.1.1.3): a path and its parameters.

Pure: the input is an argument, the output its meaning or the reply that refuses it.
"""

import re
from typing import Final, NamedTuple

SYNTAX: Final = "501 5.5.4 Syntax error"
TOO_LARGE: Final = "552 5.3.4 Message too large"
_UNKNOWN: Final = "555 5.5.4 Parameter not recognized"

# RFC 5321, 4.1.2; the recipient's side interprets the text between the brackets. A source route is
# dropped (appendix C). Each repetition is possessive, so that the time is linear in the length of
# the path.
_PATH: Final = re.compile(
    r'\s*<(?:@[^<>":]*:)?((?:[^<>"]++|"(?:[^"\\]|\\.)*+")*+)>(?:\s+(.*))?', re.DOTALL
)
# A line is text in UTF-8 (RFC 6531, 3.1) without controls (RFC 5321, 4.1.2); octets that are no
# UTF-8 are lone surrogates here.
_NEVER: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
# RFC 1870, 4: at most 20 digits.
_SIZE: Final = re.compile(r"[0-9]{1,20}")
# RFC 6152. BINARYMIME (RFC 3030) is not offered: with DATA, its line ends could not be kept.
_BODIES: Final = frozenset({"7BIT", "8BITMIME"})


class Path(NamedTuple):
    """An address in MAIL FROM or RCPT TO, and the parameters behind it."""

    address: str
    parameters: tuple[tuple[str, str | None], ...] = ()
    """Keyword and value, in upper case; None for a parameter without a value."""


def path_of(argument: str, keyword: str) -> Path | None:
    """The path behind `FROM:` or `TO:`; None where there is none."""
    if argument[: len(keyword)].upper() != keyword or _NEVER.search(argument):
        return None
    found = _PATH.fullmatch(argument, len(keyword))
    if found is None:
        return None
    words = (word.partition("=") for word in (found[2] or "").upper().split())
    return Path(found[1], tuple((name, value if sign else None) for name, sign, value in words))


def mail_refusal(path: Path, max_size: int) -> str:
    """The reply that refuses the parameters of MAIL; `""` where all of them can be served."""
    if _has_twice(path):
        return SYNTAX
    return next(filter(None, (_refusal(n, v, max_size) for n, v in path.parameters)), "")


def rcpt_refusal(path: Path) -> str:
    """The reply that refuses the parameters of RCPT: none is offered."""
    return _UNKNOWN if path.parameters else ""


def _refusal(name: str, value: str | None, max_size: int) -> str:
    if name == "SIZE":
        if value is None or not _SIZE.fullmatch(value):
            return SYNTAX
        return TOO_LARGE if int(value) > max_size else ""
    if name == "BODY":
        return "" if value in _BODIES else _UNKNOWN
    if name == "SMTPUTF8":  # RFC 6531, 3.4: it has no value
        return "" if value is None else SYNTAX
    return _UNKNOWN


def _has_twice(path: Path) -> bool:
    names = [name for name, _ in path.parameters]
    return len(set(names)) < len(names)
