"""Where a text names one of some addresses, and the text without them.

Of a text each sign that may stand before a domain is looked at, and what is around it is looked up:
so the time does not depend on how many addresses are sought.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

# `local@domain`; `local=domain` (VERP); `local+40domain` and `local=40domain` (xtext, RFC 3461, 4).
_SIGN: Final = re.compile(rb"[@=]|\+40")
_XTEXT: Final = b"40"
# No address is within a longer domain: the whole of what may be one is taken.
_DOMAIN: Final = re.compile(rb"[a-z0-9\-]+(?:\.(?=[a-z0-9])[a-z0-9\-]+)*")
# What stands before an address that is not the end of another one. A tag may stand before a form
# in which an address is itself a part: `bounce+ann=shop.example`.
_LETTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789._%")
_OF_ADDRESS: Final = _LETTERS | frozenset(b"+-")
# An address literal, or what a report has in place of a domain.
_BEHIND: Final = rb"(?![a-z0-9\-]|\.[a-z0-9])"
_BLANK: Final = b"x"


class Span(NamedTuple):
    """Where a text names an address."""

    start: int
    end: int
    address: str


class _Locals:
    """The local parts of one domain that are sought."""

    __slots__ = ("by_name", "lengths")

    def __init__(self) -> None:
        self.by_name: Final[dict[bytes, str]] = {}
        self.lengths: Final[set[int]] = set()

    def add(self, local: bytes, address: str) -> None:
        self.by_name[local] = address
        self.lengths.add(len(local))


class Redaction:
    """The forms of some addresses: as they are, and as return paths and xtext write them."""

    def __init__(self, addresses: Collection[str]) -> None:
        """`addresses` are canonical, or as a report has them."""
        self._addresses: Final = frozenset(addresses)
        self._domains: Final[defaultdict[bytes, _Locals]] = defaultdict(_Locals)
        self._others: Final[list[tuple[str, re.Pattern[bytes]]]] = []
        for address in sorted(self._addresses):
            octets = address.encode("utf-8", "replace").lower()
            local, _, domain = octets.rpartition(b"@")
            if _DOMAIN.fullmatch(domain):
                self._domains[domain].add(local, address)
            else:
                self._others.append((address, _pattern(local, domain)))

    def spans(self, text: str | bytes) -> Iterator[Span]:
        """Where a text names them."""
        octets = _octets(text).lower()
        for sign in _SIGN.finditer(octets) if self._domains else ():
            start, behind = sign.span()
            yield from self._around(octets, start, behind)
            if octets[start:behind] == b"=" and octets.startswith(_XTEXT, behind):
                yield from self._around(octets, start, behind + len(_XTEXT))
        for address, pattern in self._others:
            yield from (Span(*found.span(), address) for found in pattern.finditer(octets))

    def _around(self, octets: bytes, sign: int, behind: int) -> Iterator[Span]:
        """The addresses with a sign there."""
        domain = _DOMAIN.match(octets, behind)
        known = self._domains.get(domain[0]) if domain else None
        if domain is None or known is None:
            return
        before = _OF_ADDRESS if octets[sign : sign + 1] == b"@" else _LETTERS
        for length in known.lengths:
            start = sign - length
            if start < 0 or (start and octets[start - 1] in before):
                continue
            address = known.by_name.get(octets[start:sign])
            if address is not None:
                yield Span(start, domain.end(), address)

    def is_one(self, text: str) -> bool:
        """Whether a text is one of them and nothing else."""
        return text in self._addresses

    def named(self, text: str | bytes) -> set[str]:
        """Which of them a text names."""
        return {span.address for span in self.spans(text)}

    def names(self, text: str | bytes) -> bool:
        """Whether a text names one of them."""
        return next(self.spans(text), None) is not None

    def blanked(self, text: str) -> str:
        """The text with an `x` for each octet of theirs."""
        return self.blanked_octets(_octets(text)).decode("utf-8", "replace")

    def blanked_octets(self, octets: bytes) -> bytes:
        """The same of octets."""
        spans = list(self.spans(octets))
        if not spans:
            return octets
        left = bytearray(octets)
        for start, end, _ in spans:
            left[start:end] = _BLANK * (end - start)
        return bytes(left)

    def blanked_message(self, raw: bytes) -> bytes | None:
        """A message without them; None where a part that is encoded names one of them."""
        blanked = self.blanked_octets(raw)
        try:
            message = email.message_from_bytes(blanked, policy=email.policy.compat32)
            parts = [part for part in message.walk() if not part.is_multipart()]
            encoded = [part.get_payload(decode=True) for part in parts]
        except Exception:  # noqa: BLE001 - whatever fails, the message is not kept
            return None
        hidden = any(isinstance(text, bytes) and self.names(text) for text in encoded)
        return None if hidden else blanked


def _pattern(local: bytes, domain: bytes) -> re.Pattern[bytes]:
    """The forms of an address whose domain is no name of the DNS."""
    name, behind = re.escape(local), re.escape(domain) + _BEHIND
    return re.compile(
        rb"(?<![a-z0-9._%+\-])"
        + name
        + b"@"
        + behind
        + rb"|(?<![a-z0-9._%])"
        + name
        + rb"(?:=|\+40|=40)"
        + behind
    )


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
