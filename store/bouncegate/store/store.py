"""The store: what was recorded, what it adds up to, and the locks that follow.

Seven databases in one environment, changed together in one transaction or not at all:

    meta        the layout's number
    locks       address or @domain -> lock record (the only one that the send path reads)
    addresses   address -> State, without its lock
    journal     number, 8 octets big-endian -> Event or Act, in the order in which they came
    by_address  address -> the numbers of its entries
    once        identity of a bounce -> the number of its event: a bounce counts once
    messages    key -> bounce message, compressed

`addresses` and `locks` hold nothing that `journal` does not tell: each is the fold of an
address's entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Self

import lmdb
from msgspec.structs import replace

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import Act, AddressEntry, Entry, Event, Lock, State
from bouncegate.store import lockrecord
from bouncegate.store.codec import decode_entry, decode_state, encode
from bouncegate.store.environment import (
    ADDRESSES,
    BY_ADDRESS,
    JOURNAL,
    LOCKS,
    MESSAGES,
    ONCE,
    explained,
    open_environment,
)
from bouncegate.store.errors import StoreFull
from bouncegate.store.messages import MessageFolder, Messages, message_key

# How many messages one transaction of `expire_messages` deletes: some milliseconds, so that a
# DSN in hand never waits long for the write lock.
_EXPIRE_AT_ONCE: Final = 500
_NUMBER: Final = 8


class Bounce(NamedTuple):
    """One DSN on its way into the store: its events, and the message unless it is not kept."""

    events: Sequence[Event]
    raw: bytes


class Recorded(NamedTuple):
    """What became of one event."""

    event: Event
    number: int
    """The event's number; that of the earlier one where it had been counted before."""
    is_new: bool
    before: State
    after: State


class Store:
    """The whole store, for the return path and the operator."""

    def __init__(self, environment: lmdb.Environment, settings: StoreSettings) -> None:
        """Use an environment that is open; its databases exist."""
        self._environment = environment
        self._path = settings.path
        self._locks = environment.open_db(LOCKS, create=False)
        self._addresses = environment.open_db(ADDRESSES, create=False)
        self._journal = environment.open_db(JOURNAL, create=False)
        self._by_address = environment.open_db(BY_ADDRESS, dupsort=True, create=False)
        self._once = environment.open_db(ONCE, create=False)
        self._messages = Messages(
            environment.open_db(MESSAGES, create=False),
            MessageFolder(settings.path / "messages"),
        )

    @classmethod
    def open(cls, settings: StoreSettings, *, readonly: bool = False) -> Self:
        """Open the store, and make it unless `readonly`; raises StoreError."""
        return cls(open_environment(settings, readonly=readonly), settings)

    def close(self) -> None:
        """Give the map back."""
        self._environment.close()

    # -- writing -----------------------------------------------------------------------------

    def record(self, bounces: Iterable[Bounce], fold: Fold) -> list[list[Recorded]]:
        """Take in DSNs, all in one transaction: durable when this returns.

        One list of outcomes for each bounce, one outcome for each of its events. Raises
        StoreError; then nothing of any of them was taken in.
        """
        with self._writing() as transaction:
            return [self._record_one(transaction, bounce, fold) for bounce in bounces]

    def act(self, acts: Iterable[Act], fold: Fold) -> None:
        """Carry out an operator's acts, all in one transaction.

        Raises StoreError; then none of them was carried out.
        """
        with self._writing() as transaction:
            for act in acts:
                number = self._append(transaction, act)
                for address in sorted(act.addresses):  # in order, pages are filled to the brim
                    self._apply(transaction, address, number, act, fold)

    def expire_messages(self, before: int) -> int:
        """Delete the bounce messages that came before a time; tells how many. Raises StoreError."""
        total = self._messages.expire_large(before)
        deleted = _EXPIRE_AT_ONCE
        while deleted == _EXPIRE_AT_ONCE:
            with self._writing() as transaction:
                deleted = self._messages.expire(transaction, before, _EXPIRE_AT_ONCE)
            total += deleted
        return total

    def _record_one(
        self, transaction: lmdb.Transaction[bytes], bounce: Bounce, fold: Fold
    ) -> list[Recorded]:
        outcomes: list[Recorded] = []
        key = message_key(bounce.raw, bounce.events[0].time) if bounce.raw else b""
        for event in bounce.events:
            earlier = transaction.get(event.identity, db=self._once)
            if earlier is not None:
                state = self._state(transaction, event.address) or EMPTY
                number = int.from_bytes(earlier, "big")
                outcomes.append(Recorded(event, number, is_new=False, before=state, after=state))
                continue
            kept = replace(event, raw=key)
            number = self._append(transaction, kept)
            before, after = self._apply(transaction, event.address, number, kept, fold)
            transaction.put(event.identity, _octets(number), db=self._once)
            outcomes.append(Recorded(kept, number, is_new=True, before=before, after=after))
        if key and any(outcome.is_new for outcome in outcomes):
            self._messages.put(transaction, key, bounce.raw)
        return outcomes

    def _append(self, transaction: lmdb.Transaction[bytes], entry: Entry) -> int:
        number = self._last_number(transaction) + 1
        transaction.put(_octets(number), encode(entry), db=self._journal, append=True)
        return number

    def _apply(
        self,
        transaction: lmdb.Transaction[bytes],
        address: str,
        number: int,
        entry: AddressEntry,
        fold: Fold,
    ) -> tuple[State, State]:
        """Let an entry take effect on one address; tells its state before and after."""
        if not address:  # a bounce that names nobody: kept, but nobody's
            return EMPTY, EMPTY
        key = address.encode()
        transaction.put(key, _octets(number), db=self._by_address)
        before = self._state(transaction, address) or EMPTY
        after = fold(before, number, entry)
        if after.lock != before.lock:
            self._set_lock(transaction, key, after.lock)
        counts = replace(after, lock=None)
        if counts != replace(before, lock=None):
            transaction.put(key, encode(counts), db=self._addresses)
        return before, after

    def _set_lock(
        self, transaction: lmdb.Transaction[bytes], key: bytes, lock: Lock | None
    ) -> None:
        if lock is None:
            transaction.delete(key, db=self._locks)
        else:
            transaction.put(key, lockrecord.pack(lock), db=self._locks)

    def _last_number(self, transaction: lmdb.Transaction[bytes]) -> int:
        with transaction.cursor(self._journal) as cursor:
            return int.from_bytes(cursor.key(), "big") if cursor.last() else 0

    @contextmanager
    def _writing(self) -> Iterator[lmdb.Transaction[bytes]]:
        try:
            with self._environment.begin(write=True) as transaction:
                yield transaction
        except lmdb.Error as error:
            raise explained(error, self._path) from error
        except OSError as error:
            raise StoreFull(f"{error.filename or self._path}: {error.strerror}") from error

    # -- reading -----------------------------------------------------------------------------

    def state(self, address: str) -> State | None:
        """What is known of an address, or None where nothing is."""
        with self._reading() as transaction:
            return self._state(transaction, address)

    def entries(self, address: str) -> list[tuple[int, Entry]]:
        """The journal of one address, in the order in which it came."""
        with self._reading() as transaction:
            with transaction.cursor(self._by_address) as cursor:
                found = cursor.set_key(address.encode())
                numbers = list(cursor.iternext_dup()) if found else []
            return [(int.from_bytes(n, "big"), self._entry(transaction, n)) for n in numbers]

    def journal(self, start: int = 1) -> Iterator[tuple[int, Entry]]:
        """All entries from a number on, in the order in which they came."""
        with self._reading() as transaction, transaction.cursor(self._journal) as cursor:
            if cursor.set_range(_octets(start)):
                for number, octets in cursor.iternext():
                    yield int.from_bytes(number, "big"), decode_entry(octets)

    def locks(self, start: str = "") -> Iterator[tuple[str, Lock]]:
        """All locks, ended ones too, in the order of their addresses, from `start` on."""
        with self._reading() as transaction, transaction.cursor(self._locks) as cursor:
            if cursor.set_range(start.encode()) if start else cursor.first():
                for address, record in cursor.iternext():
                    yield address.decode(), lockrecord.unpack(record)

    def message(self, key: bytes) -> bytes | None:
        """A bounce message as it came, or None where it is no longer kept."""
        with self._reading() as transaction:
            return self._messages.get(transaction, key)

    def _state(self, transaction: lmdb.Transaction[bytes], address: str) -> State | None:
        key = address.encode()
        if not key:
            return None
        counts = transaction.get(key, db=self._addresses)
        record = transaction.get(key, db=self._locks)
        if counts is None and record is None:
            return None
        state = EMPTY if counts is None else decode_state(counts)
        return state if record is None else replace(state, lock=lockrecord.unpack(record))

    def _entry(self, transaction: lmdb.Transaction[bytes], number: bytes) -> Entry:
        octets = transaction.get(number, db=self._journal)
        assert octets is not None, "by_address names an entry that the journal does not have"
        return decode_entry(octets)

    @contextmanager
    def _reading(self) -> Iterator[lmdb.Transaction[bytes]]:
        try:
            with self._environment.begin() as transaction:
                yield transaction
        except lmdb.Error as error:
            raise explained(error, self._path) from error


def _octets(number: int) -> bytes:
    return number.to_bytes(_NUMBER, "big")
