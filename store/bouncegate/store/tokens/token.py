"""The signed return path: a token in the local part of the envelope sender.

A DSN goes to the envelope sender of the message that it is about (RFC 3464, 2; RFC 5321, 3.6.3).
A report to our token therefore comes from a system that has seen the message; no one else can
make one up. A token holds, in this order:

    version     1 octet    1
    key id      4 octets
    machine     2 octets   which machine's ledger has the entry; 0 where machines share nothing
    time        4 octets   seconds since 1970, when the message was taken
    message     8 octets   drawn by chance; the key of the ledger's entry
    recipient   8 octets   keyed digest of the only recipient; zeros where there are several
    MAC         8 octets   BLAKE2b, keyed, over all of the above

These 35 octets are 56 letters and digits of base 32 (RFC 4648, 6) in lower case, and none is left
over that could be changed unseen: systems on the way may fold the case of a local part, and it has
room for 64 octets (RFC 5321, 4.5.3.1.1).
"""

import base64
import hmac
import re
import struct
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from bouncegate.store.tokens.keys import Key, KeyFile, KeyRing

MESSAGE_OCTETS: Final = 8

PREFIX: Final = "b-"
# A forwarder that rewrites senders, or a plus-addressed form, puts other things around it.
_TOKEN: Final = re.compile(rf"(?<![a-z0-9]){PREFIX}([a-z2-7]{{56}})(?![a-z0-9])")
_VERSION: Final = 1
_DIGEST_OCTETS: Final = 8
_BODY: Final = struct.Struct(f">BIHI{MESSAGE_OCTETS}s{_DIGEST_OCTETS}s")
_MAC_OCTETS: Final = 8
_SEVERAL: Final = bytes(_DIGEST_OCTETS)
_FOR_RECIPIENT: Final = b"recipient"
_FOR_TOKEN: Final = b"token"
# Clocks of the machines that share a return domain may differ by as much, in seconds.
_SKEW: Final = 86_400


class Finding(StrEnum):
    """What looking at a return path found."""

    GOOD = "good"
    NO_TOKEN = "no-token"
    UNKNOWN_KEY = "unknown-key"
    FORGED = "forged"
    MISDATED = "misdated"
    """It is ours, but was signed while the clock was wrong, so its age is unknown."""
    STALE = "stale"
    KEYS_UNREADABLE = "keys-unreadable"
    """Unknown: the key file cannot be read."""

    @property
    def is_ours(self) -> bool:
        """Whether it proves a message of ours, of which bounces are taken."""
        return self in (Finding.GOOD, Finding.MISDATED)


class Token(NamedTuple):
    """What a good token says."""

    time: int
    message: bytes
    machine: int
    recipient: bytes
    key: Key

    @property
    def is_of_one(self) -> bool:
        """Whether the message had one recipient."""
        return self.recipient != _SEVERAL

    def is_for(self, address: str) -> bool:
        """Whether a canonical address is the message's only recipient."""
        return hmac.compare_digest(self.recipient, _digest(self.key.secret, address))


class Checked(NamedTuple):
    """A return path that was looked at: the token is there when, and only when, it is ours."""

    finding: Finding
    token: Token | None = None


def sign(keys: KeyRing, recipient: str, message: bytes, now: int, machine: int = 0) -> str:
    """The local part of the return path for a message (8 octets).

    `recipient` is the canonical address of the only recipient, empty where there are several.
    """
    key = keys.current
    digest = _digest(key.secret, recipient) if recipient else _SEVERAL
    body = _BODY.pack(_VERSION, key.number, machine, now, message, digest)
    octets = body + _mac(key.secret, body)
    return PREFIX + base64.b32encode(octets).decode("ascii").lower()


def check(keys: KeyRing, local_part: str, now: int, lifetime: int) -> Checked:
    """Look at the local part of an address below the return domain.

    `lifetime`, in seconds, is how long after its making a token is good. The MAC proves that its
    time is that of our clock. Where that is ahead of now, or before the key was made, the clock
    was wrong, and the bounces of what was sent meanwhile are accepted nevertheless: to send one
    again later gains nothing, since a recipient of a message counts once.
    """
    match = _TOKEN.search(local_part.lower())
    if match is None:
        return Checked(Finding.NO_TOKEN)
    octets = base64.b32decode(match[1].upper())
    body, mac = octets[: _BODY.size], octets[_BODY.size :]
    version, number, machine, time, message, digest = _BODY.unpack(body)
    if version != _VERSION:
        return Checked(Finding.NO_TOKEN)
    key = keys.by_number(number)
    if key is None:
        return Checked(Finding.UNKNOWN_KEY)
    if not hmac.compare_digest(mac, _mac(key.secret, body)):
        return Checked(Finding.FORGED)
    finding = _finding_of(time, key, now, lifetime)
    return Checked(finding, Token(time, message, machine, digest, key) if finding.is_ours else None)


def _finding_of(time: int, key: Key, now: int, lifetime: int) -> Finding:
    """What the time of a token with a good MAC tells."""
    if -_SKEW <= now - time <= lifetime:
        return Finding.GOOD
    return Finding.MISDATED if time > now or time < key.made - _SKEW else Finding.STALE


def check_latest(keys: KeyFile, local_part: str, now: int, lifetime: int) -> Checked:
    """The same by the keys of a file as it is now: another daemon may sign with a newer one.

    While the file cannot be read, no token is good, since its key may have been taken out.
    """
    checked = check(keys.ring, local_part, now, lifetime)
    if checked.finding is Finding.UNKNOWN_KEY:
        keys.reload()
        checked = check(keys.ring, local_part, now, lifetime)
    if keys.is_readable or not (checked.finding.is_ours or checked.finding is Finding.UNKNOWN_KEY):
        return checked
    return Checked(Finding.KEYS_UNREADABLE)


def _digest(secret: bytes, recipient: str) -> bytes:
    keyed = _keyed(secret, _FOR_RECIPIENT, _DIGEST_OCTETS).copy()
    keyed.update(recipient.encode("utf-8", "replace"))
    return keyed.digest()


def _mac(secret: bytes, body: bytes) -> bytes:
    keyed = _keyed(secret, _FOR_TOKEN, _MAC_OCTETS).copy()
    keyed.update(body)
    return keyed.digest()


@lru_cache(maxsize=64)
def _keyed(secret: bytes, person: bytes, octets: int) -> blake2b:
    """BLAKE2b that has taken in the key, half of what a short digest costs."""
    return blake2b(digest_size=octets, key=secret, person=person)
