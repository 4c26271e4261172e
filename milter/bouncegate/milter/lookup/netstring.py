"""Netstrings, the framing of socketmap_table(5): `5:hello,`."""

from typing import Final

# A request is a map's name and a key. Postfix's own bound for replies is 100,000; a key is an
# address, and no line that brings one to Postfix is longer than line_length_limit (2,048).
LONGEST: Final = 8192
_DIGITS: Final = len(str(LONGEST))


class NetstringError(ValueError):
    """What came is no netstring, or one that is too long."""


def encode(payload: bytes) -> bytes:
    """The netstring of some octets."""
    return b"%d:%b," % (len(payload), payload)


def split(octets: bytes) -> tuple[list[bytes], bytes]:
    """The whole netstrings at the head of what was received, and the rest.

    Raises NetstringError as soon as the rest cannot become a netstring of at most LONGEST octets.
    """
    found: list[bytes] = []
    start = 0
    while (colon := octets.find(b":", start, start + _DIGITS + 1)) >= 0:
        begin = colon + 1
        end = begin + _length(octets[start:colon])
        if end >= len(octets):
            return found, octets[start:]
        if octets[end : end + 1] != b",":
            raise NetstringError("a netstring does not end with a comma")
        found.append(octets[begin:end])
        start = end + 1
    rest = octets[start:]
    if rest:
        _length(rest)
    return found, rest


def _length(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > _DIGITS or int(digits) > LONGEST:
        raise NetstringError(f"no length of at most {LONGEST} octets: {digits[:_DIGITS]!r}")
    return int(digits)
