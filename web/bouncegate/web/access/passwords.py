"""Passwords as they are kept: scrypt (RFC 7914), as a PHC string.

A guess costs 0.2 s and 32 MiB, whether or not there is such a user: who has no account is compared
with a password that nobody knows.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from typing import Final

LEAST: Final = 12
MOST: Final = 1024
"""Characters of a password."""

_LN: Final = 15
_R: Final = 8
_P: Final = 3
_SALT: Final = 16
_HASH: Final = 32
_PHC: Final = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,86})\$([A-Za-z0-9+/]{22,86})"
)


def hashed(password: str) -> str:
    """What is kept of a password; raises ValueError if it is too short or too long."""
    if not LEAST <= len(password) <= MOST:
        raise ValueError(f"a password has {LEAST} to {MOST} characters, this one {len(password)}")
    salt = secrets.token_bytes(_SALT)
    digest = _scrypt(password, salt, (_LN, _R, _P), _HASH)
    return f"$scrypt$ln={_LN},r={_R},p={_P}${_text(salt)}${_text(digest)}"


def generated() -> str:
    """A password of 120 bits, in groups that can be read out."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    drawn = "".join(secrets.choice(letters) for _ in range(24))
    return "-".join(drawn[n : n + 6] for n in range(0, 24, 6))


def is_right(password: str, kept: str | None) -> bool:
    """Whether a password is the one that is kept; takes the same time if there is none."""
    match = _PHC.fullmatch(kept or _NOBODYS)
    if match is None:
        match = _PHC.fullmatch(_NOBODYS)
        kept = None
    assert match is not None
    costs = (int(match[1]), int(match[2]), int(match[3]))
    salt, digest = _octets(match[4]), _octets(match[5])
    found = _scrypt(password[:MOST], salt, costs, len(digest))
    return hmac.compare_digest(found, digest) and bool(kept) and len(password) <= MOST


def _scrypt(password: str, salt: bytes, costs: tuple[int, int, int], length: int) -> bytes:
    ln, r, p = costs
    octets = password.encode("utf-8", "surrogatepass")
    most = 2 * 128 * r * (2**ln + p)
    return hashlib.scrypt(octets, salt=salt, n=2**ln, r=r, p=p, maxmem=most, dklen=length)


def _text(octets: bytes) -> str:
    return b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))


_NOBODYS: Final = (
    f"$scrypt$ln={_LN},r={_R},p={_P}${_text(secrets.token_bytes(_SALT))}"
    f"${_text(secrets.token_bytes(_HASH))}"
)
