"""The signed return path: a token in the local part of the envelope sender.

A DSN goes to the envelope sender of the message that it is about (RFC 3464, 2; RFC 5321, 3.6.3).
Whoever can answer to our token has therefore seen the message, or somebody who had it; nobody
else can make one up. A token holds, in this order:

    key id          1 octet
    time            4 octets   seconds since 1970, when the message was taken
    message         8 octets   drawn by chance; the key of the ledger's entry
    sender digest   4 octets   keyed digest of the original envelope sender
    MAC             8 octets   BLAKE2b, keyed, over all of the above

These 25 octets are 40 letters and digits of base 32 (RFC 4648, 6) in lower case: systems on the
way may fold the case of a local part, and it has room for 64 octets (RFC 5321, 4.5.3.1.1).
"""

import base64
import binascii
import hmac
import re
import struct
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from bouncegate.provenance.keys import KeyFile, KeyRing

MESSAGE_OCTETS: Final = 8

PREFIX: Final = "b-"
# A forwarder that rewrites senders, or a plus-addressed form, puts other things around it.
_TOKEN: Final = re.compile(rf"(?<![a-z0-9]){PREFIX}([a-z2-7]{{40}})(?![a-z0-9])")
_BODY: Final = struct.Struct(f">BI{MESSAGE_OCTETS}s4s")
_DIGEST_OCTETS: Final = 4
_MAC_OCTETS: Final = 8
_FOR_SENDER: Final = b"sender"
_FOR_TOKEN: Final = b"token"
# Clocks of the machines that share a return domain may differ by so many seconds.
_SKEW: Final = 300


class Finding(StrEnum):
    """What looking at a return path found."""

    GOOD = "good"
    NO_TOKEN = "no-token"
    UNKNOWN_KEY = "unknown-key"
    FORGED = "forged"
    STALE = "stale"


class Token(NamedTuple):
    """What a good token says."""

    time: int
    message: bytes
    sender_digest: bytes


class Checked(NamedTuple):
    """A return path that was looked at: the token is there when, and only when, it is good."""

    finding: Finding
    token: Token | None = None


def sign(keys: KeyRing, sender: str, message: bytes, now: int) -> str:
    """The local part of the return path for a message (8 octets) from an envelope sender."""
    key = keys.current
    body = _BODY.pack(key.number, now, message, _digest(key.secret, sender))
    octets = body + _mac(key.secret, body)
    return PREFIX + base64.b32encode(octets).decode("ascii").lower()


def check(keys: KeyRing, local_part: str, now: int, lifetime: int) -> Checked:
    """Look at the local part of an address below the return domain.

    `lifetime`, in seconds, is how long after its making a token is good.
    """
    match = _TOKEN.search(local_part.lower())
    if match is None:
        return Checked(Finding.NO_TOKEN)
    try:
        octets = base64.b32decode(match[1].upper())
    except binascii.Error:
        return Checked(Finding.NO_TOKEN)
    body, mac = octets[: _BODY.size], octets[_BODY.size :]
    number, time, message, digest = _BODY.unpack(body)
    key = keys.by_number(number)
    if key is None:
        return Checked(Finding.UNKNOWN_KEY)
    if not hmac.compare_digest(mac, _mac(key.secret, body)):
        return Checked(Finding.FORGED)
    if not -_SKEW <= now - time <= lifetime:
        return Checked(Finding.STALE)
    return Checked(Finding.GOOD, Token(time, message, digest))


def check_latest(keys: KeyFile, local_part: str, now: int, lifetime: int) -> Checked:
    """The same by the keys of a file, read anew where another daemon may sign with a newer one."""
    checked = check(keys.ring, local_part, now, lifetime)
    if checked.finding is Finding.UNKNOWN_KEY:
        return check(keys.reread(), local_part, now, lifetime)
    return checked


@lru_cache(maxsize=256)
def _digest(secret: bytes, sender: str) -> bytes:
    octets = sender.lower().encode("utf-8", "replace")
    return blake2b(octets, digest_size=_DIGEST_OCTETS, key=secret, person=_FOR_SENDER).digest()


def _mac(secret: bytes, body: bytes) -> bytes:
    return blake2b(body, digest_size=_MAC_OCTETS, key=secret, person=_FOR_TOKEN).digest()
