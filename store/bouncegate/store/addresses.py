"""What the journal adds up to, address by address, and the locks that follow.

addresses   address -> State, without its locks
locks       address or @domain -> lock record (the only database that the send path reads)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Final

from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Lock, State
from bouncegate.store import lockrecord
from bouncegate.store.codec import decode_state, encode
from bouncegate.store.environment import Environment
from bouncegate.store.layout import ADDRESSES, LOCKS
from bouncegate.store.listindex import ListIndex
from bouncegate.store.purged import Purged
from bouncegate.store.table import Table, Transaction


class Addresses(Table):
    """States and locks by address."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._addresses = self._database(ADDRESSES)
        self._locks = self._database(LOCKS)
        self.index: Final = ListIndex(environment)
        self.purged: Final = Purged(environment)

    def get(self, address: str) -> State | None:
        """The state of an address, or None where nothing is known; of a purged one, its locks."""
        with self._reading() as transaction:
            return self.get_within(transaction, address)

    def get_within(self, transaction: Transaction, address: str) -> State | None:
        """The same within a transaction."""
        key = address.encode()
        if not key:
            return None
        counts = transaction.get(key, db=self._addresses)
        record = self.record_within(transaction, key)
        if counts is None and record is None:
            return self.purged.get(transaction, address)
        state = EMPTY if counts is None else decode_state(counts)
        return state if record is None else _with_locks(state, record)

    def put(self, transaction: Transaction, address: str, before: State, after: State) -> None:
        """Write what has changed; of what is `EMPTY` nothing stays."""
        key = address.encode()
        locks, known = lock_record(after), lock_record(before)
        if locks != known:
            self.put_record(transaction, key, locks)
        self.index.update(transaction, key, before, after)
        counts = without_locks(after)
        if counts == without_locks(before):
            return
        if counts == EMPTY:
            transaction.delete(key, db=self._addresses)
        else:
            transaction.put(key, encode(counts), db=self._addresses)

    def write(self, transaction: Transaction, address: str, state: State) -> None:
        """Write a state as a whole, whatever there was of the address before."""
        key, counts = address.encode(), without_locks(state)
        if counts == EMPTY:
            transaction.delete(key, db=self._addresses)
        else:
            transaction.put(key, encode(counts), db=self._addresses)
        self.put_record(transaction, key, lock_record(state))
        self.index.write(transaction, key, state)

    def record_within(self, transaction: Transaction, key: bytes) -> bytes | None:
        """The lock record of an address, given in UTF-8."""
        return transaction.get(key, db=self._locks)

    def put_record(self, transaction: Transaction, key: bytes, record: bytes | None) -> None:
        """Write the lock record of an address, or that it has none."""
        if record is None:
            transaction.delete(key, db=self._locks)
        else:
            transaction.put(key, record, db=self._locks)

    def locked(
        self, transaction: Transaction, after: bytes, most: int
    ) -> list[tuple[bytes, bytes]]:
        """At most so many addresses behind `after` with their lock records, ended ones too."""
        with transaction.cursor(self._locks) as cursor:
            found = cursor.set_range(after + b"\0") if after else cursor.first()
            return list(islice(cursor.iternext(), most)) if found else []

    def names(self, transaction: Transaction, after: bytes, most: int) -> list[bytes]:
        """At most so many addresses behind `after` that have a lock or a state."""
        found: list[bytes] = []
        for database in (self._locks, self._addresses):
            with transaction.cursor(database) as cursor:
                if cursor.set_range(after + b"\0") if after else cursor.first():
                    found += islice(cursor.iternext(values=False), most)
        return sorted(set(found))[:most]

    def names_beginning(
        self, transaction: Transaction, prefix: bytes, most: int, after: bytes, before: bytes
    ) -> list[bytes]:
        """At most so many addresses with a prefix, behind `after`, or the last before `before`."""
        found: set[bytes] = set()
        for database in (self._locks, self._addresses):
            with transaction.cursor(database) as cursor:
                if before:
                    is_there = cursor.prev() if cursor.set_range(before) else cursor.last()
                    keys = cursor.iterprev(values=False) if is_there else iter(())
                else:
                    is_there = cursor.set_range(max(prefix, after + b"\0" if after else b""))
                    keys = cursor.iternext(values=False) if is_there else iter(())
                found.update(islice(takewhile(lambda key: key.startswith(prefix), keys), most))
        ordered = sorted(found)
        return ordered[-most:] if before else ordered[:most]

    def locks(self, start: str = "") -> Iterator[tuple[str, Lock]]:
        """All locks for all groups, ended ones too, by address, from `start` on."""
        for address, lock, _ in self.lock_records(start):
            if lock is not None:
                yield address, lock

    def lock_records(self, start: str = "") -> Iterator[tuple[str, Lock | None, tuple[Lock, ...]]]:
        """Each address with its lock for all groups and those for single ones, from `start` on."""
        with self._reading() as transaction, transaction.cursor(self._locks) as cursor:
            if cursor.set_range(start.encode()) if start else cursor.first():
                for address, record in cursor.iternext():
                    groups = tuple(lock for _, lock in lockrecord.of_groups(record))
                    yield address.decode(), lockrecord.unpack(record), groups


def lock_record(state: State) -> bytes | None:
    """The lock record of an address, None where it has no lock."""
    groups = {name: c.lock for name, c in state.groups.items() if c.lock is not None}
    if state.lock is None and not groups:
        return None
    return lockrecord.pack(state.lock, groups)


def without_locks(state: State) -> State:
    """What `addresses` holds of a state."""
    if not state.groups:
        return replace(state, lock=None)
    groups = {name: replace(c, lock=None) for name, c in state.groups.items()}
    return replace(state, lock=None, groups=groups)


def _with_locks(state: State, record: bytes) -> State:
    lock, groups = lockrecord.unpack(record), dict(lockrecord.of_groups(record))
    if not groups:
        return replace(state, lock=lock)
    streaks = {
        name: replace(c, lock=groups.get(lockrecord.digest_of(name)))
        for name, c in state.groups.items()
    }
    return replace(state, lock=lock, groups=streaks)
