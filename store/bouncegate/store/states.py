"""What the journal adds up to, address by address, and the locks that follow.

addresses   address -> State, without its lock
locks       address or @domain -> lock record (the only database that the send path reads)
"""

from __future__ import annotations

from collections.abc import Iterator

import lmdb
from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Lock, State
from bouncegate.store import lockrecord
from bouncegate.store.codec import decode_state, encode
from bouncegate.store.environment import ADDRESSES, LOCKS


class States:
    """Reading and writing states, within a transaction of the caller's."""

    def __init__(self, environment: lmdb.Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._addresses = environment.open_db(ADDRESSES, create=False)
        self._locks = environment.open_db(LOCKS, create=False)

    def get(self, transaction: lmdb.Transaction[bytes], address: str) -> State | None:
        """What is known of an address, or None where nothing is."""
        key = address.encode()
        if not key:
            return None
        counts = transaction.get(key, db=self._addresses)
        record = transaction.get(key, db=self._locks)
        if counts is None and record is None:
            return None
        state = EMPTY if counts is None else decode_state(counts)
        return state if record is None else replace(state, lock=lockrecord.unpack(record))

    def put(
        self, transaction: lmdb.Transaction[bytes], address: str, before: State, after: State
    ) -> None:
        """Write what has changed; of what is `EMPTY` nothing stays."""
        key = address.encode()
        if after.lock is None and before.lock is not None:
            transaction.delete(key, db=self._locks)
        elif after.lock is not None and after.lock != before.lock:
            transaction.put(key, lockrecord.pack(after.lock), db=self._locks)
        counts = replace(after, lock=None)
        if counts == replace(before, lock=None):
            return
        if counts == EMPTY:
            transaction.delete(key, db=self._addresses)
        else:
            transaction.put(key, encode(counts), db=self._addresses)

    def locks(
        self, transaction: lmdb.Transaction[bytes], start: str = ""
    ) -> Iterator[tuple[str, Lock]]:
        """All locks, ended ones too, in the order of their addresses, from `start` on."""
        with transaction.cursor(self._locks) as cursor:
            if cursor.set_range(start.encode()) if start else cursor.first():
                for address, record in cursor.iternext():
                    yield address.decode(), lockrecord.unpack(record)
