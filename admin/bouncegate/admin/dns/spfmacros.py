"""Macros in the domains of SPF records (RFC 7208, 7)."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

_MACRO: Final = re.compile(
    r"%\{(?P<letter>[a-z])(?P<digits>\d*)(?P<reverse>r?)(?P<delimiters>[-.+,/_=]*)\}|%(?P<sign>[%_-])",
    re.IGNORECASE,
)
_SIGNS: Final = {"%": "%", "_": " ", "-": "%20"}
_LONGEST_NAME: Final = 253


class Unknowable(Exception):
    """A macro that differs between messages: the local part, the HELO name, the PTR name."""


def expanded(text: str, domain: str, sender: str, address: IPv4Address | IPv6Address) -> str:
    """A domain of a record of `domain` with its macros expanded; raises Unknowable."""
    values = {"d": domain, "o": sender, "i": _dotted(address), "v": _version(address)}

    def value_of(macro: re.Match[str]) -> str:
        if macro["sign"]:
            return _SIGNS[macro["sign"]]
        letter = macro["letter"]
        if letter.lower() not in values:
            raise Unknowable(macro[0])
        value = _transformed(values[letter.lower()], macro)
        return quote(value, safe="") if letter.isupper() else value

    return _shortened(_MACRO.sub(value_of, text))


def _transformed(value: str, macro: re.Match[str]) -> str:
    parts = re.split(f"[{re.escape(macro['delimiters'] or '.')}]", value)
    if macro["reverse"]:
        parts.reverse()
    kept = int(macro["digits"][:3] or 0)
    return ".".join(parts[-kept:])


def _shortened(name: str) -> str:
    """Without its first labels if it is too long (7.3)."""
    while len(name) > _LONGEST_NAME and "." in name:
        name = name.partition(".")[2]
    return name


def _dotted(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return ".".join(address.exploded.replace(":", ""))


def _version(address: IPv4Address | IPv6Address) -> str:
    return "in-addr" if isinstance(address, IPv4Address) else "ip6"
