"""Small values in the database `meta`, each written with what it is about.

meta  "progress " and the name of a source -> octets that only this source reads
      "gone" -> time of the newest entry that retention has deleted
"""

from __future__ import annotations

import struct
from typing import Final

from bouncegate.store.environment import Environment
from bouncegate.store.layout import META
from bouncegate.store.table import Table, Transaction

_PROGRESS: Final = "progress "
_GONE: Final = b"gone"
_TIME: Final = struct.Struct(">Q")


class Progress(Table):
    """How far the sources of deliveries have been read, written with what was learned."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._meta = self._database(META)

    def get(self, source: str) -> bytes:
        """How far a source has been read; empty where it never was."""
        with self._reading() as transaction:
            return self.get_within(transaction, source)

    def get_within(self, transaction: Transaction, source: str) -> bytes:
        """The same within a transaction."""
        return transaction.get(f"{_PROGRESS}{source}".encode(), b"", db=self._meta)

    def put(self, transaction: Transaction, source: str, position: bytes) -> None:
        """Remember how far a source has been read."""
        transaction.put(f"{_PROGRESS}{source}".encode(), position, db=self._meta)


class RetentionMark(Table):
    """Up to when entries have been deleted: before that time, counts of bounces are not whole."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._meta = self._database(META)

    def whole_since(self, transaction: Transaction) -> int:
        """From when on all bounces are kept, but for those of purged addresses; 0: ever."""
        octets = transaction.get(_GONE, db=self._meta)
        return 0 if octets is None else _TIME.unpack(octets)[0] + 1

    def note(self, transaction: Transaction, time: int) -> None:
        """What came up to this time is let go of."""
        if time >= self.whole_since(transaction):
            transaction.put(_GONE, _TIME.pack(time), db=self._meta)
