"""Small values in the database `meta`, each written with what it is about.

meta  "progress " and the name of a source -> octets that only this source reads
      "gone" -> time of the newest entry that retention has deleted
"""

from __future__ import annotations

import struct
from typing import Final

import lmdb

from bouncegate.store.environment import Environment
from bouncegate.store.layout import META

_PROGRESS: Final = "progress "
_GONE: Final = b"gone"
_TIME: Final = struct.Struct(">Q")


class Progress:
    """Remembering, within a transaction of the caller's."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._meta = environment.open_db(META, create=False)

    def get(self, transaction: lmdb.Transaction[bytes], source: str) -> bytes:
        """How far a source has been read; empty where it never was."""
        return transaction.get(f"{_PROGRESS}{source}".encode(), b"", db=self._meta)

    def put(self, transaction: lmdb.Transaction[bytes], source: str, place: bytes) -> None:
        """Remember how far a source has been read."""
        transaction.put(f"{_PROGRESS}{source}".encode(), place, db=self._meta)


class RetentionMark:
    """The key of one store; used within the transactions of whoever reads or lets go."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._meta = environment.open_db(META, create=False)

    def whole_since(self, transaction: lmdb.Transaction[bytes]) -> int:
        """From when on all bounces are kept, but for those of purged addresses; 0: ever."""
        octets = transaction.get(_GONE, db=self._meta)
        return 0 if octets is None else _TIME.unpack(octets)[0] + 1

    def note(self, transaction: lmdb.Transaction[bytes], time: int) -> None:
        """What came up to this time is let go of."""
        if time >= self.whole_since(transaction):
            transaction.put(_GONE, _TIME.pack(time), db=self._meta)
