"""The bounce messages themselves, kept for export: small ones in the store, large ones beside it.

A message is known by 16 octets: the second in which it came, then a hash of its content. So
the keys run in the order of time, and what is too old is one range at the beginning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bouncegate.store.environment import Environment
from bouncegate.store.layout import MESSAGES
from bouncegate.store.messageframe import FrameWriter, holds, message_of
from bouncegate.store.table import Table, Transaction

# A value of more than about 2 KiB takes whole pages of its own; up to four of them are still
# cheaper than a file with two fsyncs.
_LARGEST_INSIDE: Final = 16_384
_TIME: Final = 4
_HASH: Final = 12
# A frame may be larger than what it holds, by a little.
_SMALLEST_OUTSIDE: Final = _LARGEST_INSIDE // 2
# How many messages one transaction deletes: some milliseconds, so that a DSN never waits long for
# the write lock.
_EXPIRE_AT_ONCE: Final = 500


def message_key(raw: bytes, time: int) -> bytes:
    """The 16 octets under which a message that came at `time` is kept."""
    return time.to_bytes(_TIME, "big") + blake2b(raw, digest_size=_HASH).digest()


def is_whole(key: bytes, frame: bytes) -> bool:
    """Whether a message, as it is kept, is the one that its key names; raises StoreLayout."""
    return holds(frame, key[_TIME:])


class MessageFolder:
    """The folder beside the store for messages that are too large for it."""

    def __init__(self, folder: Path) -> None:
        """Keep messages below `folder`, a sub-folder a day."""
        self._folder = folder

    def write(self, key: bytes, frame: bytes) -> None:
        """Write durably: the file, then its name. Raises OSError."""
        path = self._path(key)
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(frame)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        for folder in (path.parent, self._folder, self._folder.parent):
            _sync_folder(folder)

    def has(self, key: bytes) -> bool:
        """Whether `write` wrote it."""
        return self._path(key).exists()

    def read(self, key: bytes) -> bytes | None:
        """What `write` wrote; raises OSError."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, key: bytes) -> None:
        """Delete a message, if it is there; raises OSError."""
        self._path(key).unlink(missing_ok=True)

    def expire(self, before: int) -> Iterator[bytes]:
        """Delete the messages that came before a time, and tell the key of each."""
        for path in sorted(self._folder.glob("*/*.zst")):
            key = bytes.fromhex(path.stem)
            if int.from_bytes(key[:_TIME], "big") >= before:
                break
            path.unlink(missing_ok=True)
            yield key
        for day in self._folder.glob("*"):
            if day.name < _day(before) and not any(day.iterdir()):
                day.rmdir()

    def _path(self, key: bytes) -> Path:
        return self._folder / _day(int.from_bytes(key[:_TIME], "big")) / f"{key.hex()}.zst"


class Messages(Table):
    """Bounce messages, by key, wherever they lie."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._messages = self._database(MESSAGES)
        self._folder = MessageFolder(environment.folder / "messages")
        # One writer at a time uses it.
        self._frames = FrameWriter()

    def put(self, transaction: Transaction, key: bytes, raw: bytes) -> int:
        """Keep a message, which is durable when the transaction is.

        Returns how many octets it takes: none if it is there already. Raises lmdb.Error, OSError.
        """
        if transaction.get(key, db=self._messages) is not None:
            return 0
        # Most are far too small to lie in the folder: to look there costs as much as to write one.
        if len(raw) > _SMALLEST_OUTSIDE and self._folder.has(key):
            return 0
        frame = self._frames.frame(raw)
        if len(frame) <= _LARGEST_INSIDE:
            transaction.put(key, frame, db=self._messages)
        else:
            self._folder.write(key, frame)
        return len(frame)

    def get(self, key: bytes) -> bytes | None:
        """A message as it came, or None where it is no longer kept; raises StoreError."""
        with self._reading() as transaction:
            return self.get_within(transaction, key)

    def get_within(self, transaction: Transaction, key: bytes) -> bytes | None:
        """The same within a transaction."""
        frame = transaction.get(key, db=self._messages) or self._folder.read(key)
        return None if frame is None else message_of(frame)

    def delete(self, transaction: Transaction, key: bytes) -> None:
        """Delete a message, if it is there. Raises lmdb.Error, OSError."""
        if not transaction.delete(key, db=self._messages):
            self._folder.delete(key)

    def expire(self, before: int) -> int:
        """Delete the messages that came before a time; returns how many."""
        total = sum(1 for _ in self._folder.expire(before))
        deleted, end = _EXPIRE_AT_ONCE, before.to_bytes(_TIME, "big")
        while deleted == _EXPIRE_AT_ONCE:
            with self._writing() as transaction:
                deleted = self._delete_before(transaction, self._messages, end, _EXPIRE_AT_ONCE)
            total += deleted
        return total


def _day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
