"""Sealing what is kept in the engine: AES-256-GCM with a key that never enters it.

Whoever can write into the engine must not be able to unlock an address, and its backups must hold
none. So the bodies of entries and the secrets are sealed, and bound to their place: a node and its
number, or the name of a secret and its version. Sealed octets are

    format (1 octet, 1), id of the key (4), nonce (12), ciphertext, tag (16)

The nonce is a keyed hash of the place and the body, of a key derived for that: what is sealed again
becomes the same octets, so that an append may be repeated, and a machine that was copied shows as
two bodies of one number. Two messages meet in a nonce no sooner than with nonces drawn by chance
(NIST SP 800-38D, 8.3: 2^32 of a key).

The key file holds keys of 32 random octets, one behind the other. The last one seals, all open.
"""

import hmac
import os
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bouncegate.cluster.log import MAX_BODY
from bouncegate.config.regularfile import open_regular

KEY_OCTETS: Final = 32
MAX_KEYS: Final = 16
_FORMAT: Final = b"\x01"
_ID_OCTETS: Final = 4
_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16
_ENVELOPE: Final = len(_FORMAT) + _ID_OCTETS + _NONCE_OCTETS
OVERHEAD: Final = _ENVELOPE + _TAG_OCTETS
"""Octets by which sealing makes a body longer."""
MAX_PLAIN: Final = MAX_BODY - OVERHEAD
"""Octets that can be sealed at most."""
_DIGEST_OCTETS: Final = 16


class KeyFileError(Exception):
    """The key file cannot be used; the text says what to do."""

    exit_code: ClassVar[int] = os.EX_CONFIG


class SealBroken(Exception):
    """Sealed octets that cannot be opened: damaged, moved, forged, or of a key that is not here."""


class UnknownKey(SealBroken):
    """They are sealed with a key that the key file does not hold."""


class _Key(NamedTuple):
    id: bytes
    cipher: AESGCM
    for_nonces: bytes
    for_digests: bytes

    def __repr__(self) -> str:
        """Without what is secret, which must not get into a log."""
        return f"_Key({self.id.hex()})"


class Sealer:
    """Seals and opens with the keys of a cluster; may be shared by threads."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take at least one key of 32 octets; the last one seals."""
        made = [_key(key) for key in keys]
        self._current: Final = made[-1]
        self._keys: Final = {key.id: key for key in made}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the key file; raises KeyFileError."""
        return cls(_read(path))

    @property
    def key_id(self) -> str:
        """Which key seals, as messages name it: machines of a cluster can compare it."""
        return self._current.id.hex()

    def seal_entry(self, node: str, seq: int, body: bytes) -> bytes:
        """Seal an entry of a node; raises ValueError for one that is too large."""
        return self._seal(_place("entry", node, seq), body)

    def open_entry(self, node: str, seq: int, sealed: bytes) -> bytes:
        """What an entry says; raises SealBroken."""
        return self._open(_place("entry", node, seq), sealed, f"entry {seq} of {node}")

    def seal_secret(self, name: str, version: int, body: bytes) -> bytes:
        """Seal a version of a secret; raises ValueError for one that is too large."""
        return self._seal(_place("secret", name, version), body)

    def open_secret(self, name: str, version: int, sealed: bytes) -> bytes:
        """What a secret is; raises SealBroken."""
        return self._open(_place("secret", name, version), sealed, f"version {version} of {name}")

    def digest(self, text: str) -> bytes:
        """A keyed hash, 16 octets, by which the engine may tell names apart and not read them."""
        return hmac.digest(self._current.for_digests, text.encode(), "sha256")[:_DIGEST_OCTETS]

    def _seal(self, place: bytes, body: bytes) -> bytes:
        if len(body) > MAX_PLAIN:
            raise ValueError(f"{len(body):,} octets are too many to seal, at most {MAX_PLAIN:,}")
        key = self._current
        nonce = hmac.digest(key.for_nonces, place + body, "sha256")[:_NONCE_OCTETS]
        return b"".join((_FORMAT, key.id, nonce, key.cipher.encrypt(nonce, body, place)))

    def _open(self, place: bytes, sealed: bytes, what: str) -> bytes:
        if not OVERHEAD <= len(sealed) <= MAX_BODY:
            raise SealBroken(f"{what}: {len(sealed):,} octets are no sealed body")
        if not sealed.startswith(_FORMAT):
            raise SealBroken(f"{what}: unknown format {sealed[0]}: written by a newer version?")
        key_id = sealed[len(_FORMAT) : len(_FORMAT) + _ID_OCTETS]
        key = self._keys.get(key_id)
        if key is None:
            known = ", ".join(sorted(one.hex() for one in self._keys))
            raise UnknownKey(
                f"{what}: sealed with the key {key_id.hex()}, and the key file has {known}: "
                "copy the key file of a machine of the cluster"
            )
        nonce = sealed[_ENVELOPE - _NONCE_OCTETS : _ENVELOPE]
        try:
            return key.cipher.decrypt(nonce, sealed[_ENVELOPE:], place)
        except InvalidTag:
            raise SealBroken(
                f"{what}: altered since it was sealed, or put into another place"
            ) from None


def make_key(path: Path) -> None:
    """Make a key file with one new key; raises KeyFileError, also where a file is there."""
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(secrets.token_bytes(KEY_OCTETS))
            file.flush()
            os.fsync(number)
            if os.geteuid() == 0:  # the daemons run as who owns the folder
                owner = path.parent.stat()
                os.fchown(number, owner.st_uid, owner.st_gid)
    except FileExistsError:
        raise KeyFileError(f"{path}: exists already; a cluster has one key") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be made: {error.strerror}") from error


def _read(path: Path) -> list[bytes]:
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise KeyFileError(f"{path}: readable by other users: chmod 600 {path}")
            octets = file.read(MAX_KEYS * KEY_OCTETS + 1)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"{path}: not found: copy it from a machine of the cluster, by hand"
        ) from error
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
    if not octets or len(octets) % KEY_OCTETS or len(octets) > MAX_KEYS * KEY_OCTETS:
        raise KeyFileError(
            f"{path}: not a key file: it has to hold 32 octets for each key, 1 to {MAX_KEYS} keys"
        )
    keys = [octets[at : at + KEY_OCTETS] for at in range(0, len(octets), KEY_OCTETS)]
    if any(len(set(key)) < KEY_OCTETS // 4 for key in keys):
        raise KeyFileError(f"{path}: not random octets: copy it again from another machine")
    return keys


def _key(octets: bytes) -> _Key:
    if len(octets) != KEY_OCTETS:
        raise ValueError(f"a key has {KEY_OCTETS} octets, and not {len(octets)}")
    derived = {use: hmac.digest(octets, f"bouncegate {use}".encode(), "sha256") for use in _USES}
    key_id = sha256(derived["id"]).digest()[:_ID_OCTETS]
    return _Key(key_id, AESGCM(derived["seal"]), derived["nonce"], derived["digest"])


_USES: Final = ("id", "seal", "nonce", "digest")


def _place(kind: str, name: str, number: int) -> bytes:
    """What sealed octets are bound to; no two places are the same octets."""
    return b"\0".join((_FORMAT, kind.encode(), number.to_bytes(8, "big"), name.encode()))
