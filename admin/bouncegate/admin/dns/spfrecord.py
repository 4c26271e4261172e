"""The grammar of SPF records (RFC 7208, 12).

The whole record is parsed first: a syntax error anywhere is a permanent error (4.6), also behind
the term that decides.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal, NamedTuple

VERSION: Final = "v=spf1"
Qualifier = Literal["pass", "fail", "softfail", "neutral"]

_QUALIFIERS: Final[Mapping[str, Qualifier]] = {
    "": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral",
}  # fmt: skip
# The letters c, r and t are allowed only in explanations (7.2).
_EXPAND: Final = r"%\{[slodiphv]\d*r?[-.+,/_=]*\}|%%|%_|%-"
_ANY_EXPAND: Final = r"%\{[slodiphcrtv]\d*r?[-.+,/_=]*\}|%%|%_|%-"
_LITERAL: Final = r"[!-$&-~]"
_TOP_LABEL: Final = r"(?:(?=[0-9]*[a-z])[a-z0-9]+|[a-z0-9]+-[a-z0-9-]*[a-z0-9])"
_DOMAIN: Final = (
    rf"(?P<domain>(?:{_EXPAND}|{_LITERAL})*(?:\.{_TOP_LABEL}\.?|%\{{[slodiphv]\d*r?[-.+,/_=]*\}}))"
)
_LENGTH4: Final = r"/(?P<length4>0|[1-9]\d?)"
_LENGTH6: Final = r"/(?P<length6>0|[1-9]\d{0,2})"
_LENGTHS: Final = rf"(?:{_LENGTH4})?(?:/{_LENGTH6})?"
_MECHANISMS: Final[Mapping[str, str]] = {
    "all": "",
    "include": f":{_DOMAIN}",
    "a": f"(?::{_DOMAIN})?{_LENGTHS}",
    "mx": f"(?::{_DOMAIN})?{_LENGTHS}",
    "ptr": f"(?::{_DOMAIN})?",
    "ip4": rf":(?P<network>[0-9.]+(?:{_LENGTH4})?)",
    "ip6": rf":(?P<network>[0-9a-f:.]+(?:{_LENGTH6})?)",
    "exists": f":{_DOMAIN}",
}
_ARGUMENTS: Final = {n: re.compile(a, re.IGNORECASE) for n, a in _MECHANISMS.items()}
_MECHANISM: Final = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>[a-z0-9]+)(?P<rest>[:/].*)?", re.IGNORECASE | re.DOTALL
)
_MODIFIER: Final = re.compile(
    rf"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>(?:{_ANY_EXPAND}|{_LITERAL})*)", re.IGNORECASE
)
_TARGET: Final = re.compile(_DOMAIN, re.IGNORECASE)
# A domain name has at most 253 characters, and few macros are longer than their value.
_LONGEST_TERM: Final = 512
_BITS4: Final = 32
_BITS6: Final = 128


class Malformed(ValueError):
    """A term with a syntax error."""


class Directive(NamedTuple):
    """A mechanism, and the result if it matches."""

    text: str
    """As written in the record."""
    qualifier: Qualifier
    mechanism: str
    domain: str = ""
    """With its macros; empty if omitted."""
    network: IPv4Network | IPv6Network | None = None
    length4: int = _BITS4
    length6: int = _BITS6


class Record(NamedTuple):
    """One record."""

    directives: tuple[Directive, ...]
    redirect: str = ""
    """The domain, with its macros; empty if there is none."""


def record_of(text: str) -> Record:
    """Parse a record whose version was checked; raises Malformed."""
    directives: list[Directive] = []
    modifiers: dict[str, str] = {}
    for term in filter(None, text[len(VERSION) :].split(" ")):
        if len(term) > _LONGEST_TERM:
            raise Malformed(term)
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            directives.append(_directive(term))
            continue
        name = modifier["name"].lower()
        if name in ("redirect", "exp"):
            if name in modifiers or _TARGET.fullmatch(modifier["value"]) is None:
                raise Malformed(term)  # each at most once (6)
            modifiers[name] = modifier["value"]
    return Record(tuple(directives), modifiers.get("redirect", ""))


def _directive(term: str) -> Directive:
    found = _MECHANISM.fullmatch(term)
    arguments = None if found is None else _ARGUMENTS.get(found["name"].lower())
    if found is None or arguments is None:
        raise Malformed(term)
    matched = arguments.fullmatch(found["rest"] or "")
    if matched is None:
        raise Malformed(term)
    values = matched.groupdict()
    return Directive(
        term,
        _QUALIFIERS[found["qualifier"]],
        found["name"].lower(),
        values.get("domain") or "",
        _network(term, found["name"].lower(), values.get("network")),
        _length(term, values.get("length4"), _BITS4),
        _length(term, values.get("length6"), _BITS6),
    )


def _network(term: str, mechanism: str, text: str | None) -> IPv4Network | IPv6Network | None:
    if text is None:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Malformed(term) from None
    if f"ip{network.version}" != mechanism:
        raise Malformed(term)
    return network


def _length(term: str, text: str | None, bits: int) -> int:
    length = bits if text is None else int(text)
    if length > bits:
        raise Malformed(term)
    return length
