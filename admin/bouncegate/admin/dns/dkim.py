"""The public key of a DKIM selector (RFC 6376, 3.6.1): whether it is valid, and its length."""

import base64
import binascii
from typing import Final, Literal, NamedTuple

import dns.name
from dns.rdatatype import RdataType

from bouncegate.admin.dns.mx import Ask
from bouncegate.admin.dns.spf import texts

_BIT_STRING: Final = 0x03
_LONG_FORM: Final = 0x80


class KeyRecord(NamedTuple):
    """The key record of one selector."""

    status: Literal["ok", "none", "revoked", "broken", "unknown"]
    """`revoked`: an empty key; `broken`: malformed; `unknown`: the lookup failed."""
    kind: str = "rsa"
    bits: int = 0
    """Of an RSA key."""
    testing: bool = False
    """t=y: receivers treat the mail as unsigned."""


async def key_of(selector: str, domain: str, ask: Ask) -> KeyRecord:
    """The key record of a selector below a domain."""
    answer = await ask(dns.name.from_text(f"{selector}._domainkey.{domain}"), RdataType.TXT)
    if answer.outcome == "failed":
        return KeyRecord("unknown")
    found = list(texts(answer))
    return key_record(found[0]) if found else KeyRecord("none")


def key_record(text: str) -> KeyRecord:
    """Parse a record."""
    tags = {
        n.strip(): "".join(v.split()) for n, _, v in (p.partition("=") for p in text.split(";"))
    }
    kind, testing = tags.get("k", "rsa"), "y" in tags.get("t", "").split(":")
    if "p" not in tags:
        return KeyRecord("broken", kind)
    if not tags["p"]:
        return KeyRecord("revoked", kind)
    try:
        key = base64.b64decode(tags["p"], validate=True)
        bits = _modulus_bits(key) if kind == "rsa" else 0
    except (binascii.Error, IndexError, ValueError):
        return KeyRecord("broken", kind)
    return KeyRecord("ok", kind, bits, testing)


def _modulus_bits(der: bytes) -> int:
    """The length of an RSA modulus, in a SubjectPublicKeyInfo (RFC 5280) or bare (RFC 8017)."""
    body = _content(der, 0)
    if body[0] != 0x02:  # a SubjectPublicKeyInfo: algorithm, then the key as a bit string
        after = _end(body, 0)
        if body[after] != _BIT_STRING:
            raise ValueError("no bit string")
        body = _content(_content(body, after)[1:], 0)
    return int.from_bytes(_content(body, 0)).bit_length()


def _content(der: bytes, at: int) -> bytes:
    start, length = _span(der, at)
    if start + length > len(der):
        raise ValueError("cut off")
    return der[start : start + length]


def _end(der: bytes, at: int) -> int:
    start, length = _span(der, at)
    return start + length


def _span(der: bytes, at: int) -> tuple[int, int]:
    first = der[at + 1]
    if first < _LONG_FORM:
        return at + 2, first
    octets = first & ~_LONG_FORM
    return at + 2 + octets, int.from_bytes(der[at + 2 : at + 2 + octets])
