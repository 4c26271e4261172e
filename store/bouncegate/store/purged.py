"""Locks of addresses that were purged: stored under a salted digest, not under the address.

    purged  digest, 16 octets -> lock record, as in `locks`
            digest, "s"       -> State, of which there is nothing but its locks

The salt is a file beside the store, `salt`, of mode 0600, like the keys: with the store alone,
addresses cannot be guessed. Without the salt these locks are not enforced, so backups contain it.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from bouncegate.config.regularfile import open_regular
from bouncegate.policy.fold import EMPTY, is_locked
from bouncegate.policy.records import Lock, State, Streak
from bouncegate.store.codec import decode_state, encode
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreError, StoreForbidden
from bouncegate.store.layout import PURGED, hand_over
from bouncegate.store.lockrecord import pack
from bouncegate.store.table import Table, Transaction

FILE: Final = "salt"
_SALT: Final = 32
_DIGEST: Final = 16
_STATE: Final = b"s"
_MODE: Final = 0o600


def digest_of(address: bytes, salt: bytes) -> bytes:
    """The digest of a canonical address in UTF-8."""
    return blake2b(address, digest_size=_DIGEST, key=salt).digest()


def read_salt(folder: Path) -> bytes | None:
    """The salt of the store in a folder; None if there is none. Raises StoreError."""
    path = folder / FILE
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise StoreForbidden(f"{path}: readable by other users: chmod 600 {path}")
            salt = file.read(_SALT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreForbidden(f"{path}: cannot be read: {error.strerror}") from error
    if len(salt) != _SALT:
        raise StoreError(f"{path}: invalid salt, expected {_SALT} octets: restore it from a backup")
    return salt


def new_salt() -> bytes:
    """Octets for a salt, drawn by chance."""
    return secrets.token_bytes(_SALT)


def read_or_make_salt(folder: Path, made: bytes = b"") -> bytes:
    """The salt, which is made if it is not there, of some octets if they are given.

    Raises StoreError.
    """
    if (salt := read_salt(folder)) is not None:
        return salt
    path = folder / FILE
    draft = folder / f".{FILE}.{os.getpid()}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made or new_salt())
            file.flush()
            os.fsync(descriptor)
        hand_over(draft, folder)
        with suppress(FileExistsError):  # of two that purge at once one wins
            os.link(draft, path)
        _sync(folder)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    salt = read_salt(folder)
    assert salt is not None, f"{path} was there a moment ago"
    return salt


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Purged(Table):
    """Locks by digest."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._purged = self._database(PURGED)
        self._salt: bytes | None = None

    def count(self) -> int:
        """How many addresses are locked so; locks that have ended count too."""
        with self._reading() as transaction:
            return self._count(transaction)

    def _count(self, transaction: Transaction) -> int:
        entries: int = transaction.stat(self._purged)["entries"]
        return entries // 2

    def get(self, transaction: Transaction, address: str) -> State | None:
        """What locks an address that was purged; None where nothing does. Raises StoreError."""
        digest = self._digest(transaction, address)
        octets = transaction.get(digest + _STATE, db=self._purged) if digest else None
        return None if octets is None else decode_state(octets)

    def pop(self, transaction: Transaction, address: str) -> State | None:
        """The same, which is then no longer there."""
        state = self.get(transaction, address)
        if state is not None:
            digest = self._digest(transaction, address)
            transaction.delete(digest, db=self._purged)
            transaction.delete(digest + _STATE, db=self._purged)
        return state

    def put(self, transaction: Transaction, address: str, state: State, now: int) -> bytes:
        """Keep the locks of an address that are in force; returns the digest of the address."""
        self._salt = read_or_make_salt(self._path)
        digest = digest_of(address.encode(), self._salt)
        left = _locks_alone(state, now)
        if left != EMPTY:
            groups = {name: c.lock for name, c in left.groups.items() if c.lock is not None}
            transaction.put(digest, pack(left.lock, groups), db=self._purged)
            transaction.put(digest + _STATE, encode(left), db=self._purged)
        return digest

    def expire(self, transaction: Transaction, now: int) -> int:
        """Forget those of which no lock is in force any more; returns how many."""
        with transaction.cursor(self._purged) as cursor:
            items = cursor.iternext() if cursor.first() else ()
            over = [
                key[:_DIGEST]
                for key, octets in items
                if key[_DIGEST:] and not is_locked(decode_state(octets), now)
            ]
        for digest in over:
            transaction.delete(digest, db=self._purged)
            transaction.delete(digest + _STATE, db=self._purged)
        return len(over)

    def digest_of(self, address: str) -> bytes | None:
        """What would stand for an address; None where nothing was ever purged."""
        if self._salt is None:
            self._salt = read_salt(self._path)
        return None if self._salt is None else digest_of(address.encode(), self._salt)

    def _digest(self, transaction: Transaction, address: str) -> bytes:
        if not self._count(transaction):
            return b""
        return self.digest_of(address) or b""


def _locks_alone(state: State, now: int) -> State:
    """The locks in force, without the numbers of the entries that made them."""
    groups = {
        name: Streak(lock=lock)
        for name, streak in state.groups.items()
        if (lock := _anonymous(streak.lock, now)) is not None
    }
    return State(lock=_anonymous(state.lock, now), groups=groups)


def _anonymous(lock: Lock | None, now: int) -> Lock | None:
    return replace(lock, cause=0) if lock is not None and lock.in_force(now) else None
