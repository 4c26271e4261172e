"""Addresses by what is known of them, in order, read in transactions that are short.

A reader that stays for a million addresses would keep LMDB from using its free pages again, while
bounces come in. So each portion is read in a transaction of its own: what changes meanwhile is seen
or not, and no address comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Final

from msgspec.structs import replace

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.addressstate import is_detected, locks_at, locks_of
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Entry, Event, JournalEntry, Lock, State
from bouncegate.store import lockrecord
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.listindex import BOUNCED, DETECTED, GROUPS
from bouncegate.store.outbox import PROVISIONAL
from bouncegate.store.table import Table, Transaction

Known = tuple[str, State]
"""An address and what is known of it."""

Prefilter = Callable[[bytes, bytes], bool]
"""Whether an address may be asked for, by its key and its lock record (empty where that is not
read), which costs a tenth of reading its state."""

_Read = Callable[[Transaction, bytes], list[tuple[bytes, bytes]]]

_PORTION: Final = 500
_OF_DOMAIN: Final = 100
"""A page of the few addresses that most domains have."""
# More addresses than these are not gathered and sorted, some 40 ms: where so many locks have ended,
# reading all locks in order finds one soon enough.
_MOST_GATHERED: Final = 10_000
# An import in no order has a thousand acts, each on a thousand addresses from everywhere in a list.
_REMEMBERED: Final = 2000
# Acts and deliveries, one or more of each address: 70 octets each.
_MOST_OTHERS: Final = 100_000


class Lists(Table):
    """The lists of one store; all methods raise StoreError."""

    def __init__(self, environment: Environment, history: History) -> None:
        super().__init__(environment)
        self._history = history
        self._cause: Final[Callable[[int], Entry | None]] = lru_cache(_REMEMBERED)(self._entry)
        self._others: Final = set[int]()

    def locked(self, after: str = "", prefilter: Prefilter | None = None) -> Iterator[Known]:
        """Addresses with a lock, for all groups or for one, in force or ended."""
        states = self._history.addresses
        return self._known(lambda t, start: states.locked(t, start, _PORTION), after, prefilter)

    def with_locks_of_groups(
        self, after: str = "", prefilter: Prefilter | None = None
    ) -> Iterator[Known]:
        """Addresses with a lock of one group alone, in force or ended."""
        return self._known(self._on(GROUPS), after, prefilter)

    def locked_for(self, reasons: Collection[Reason]) -> Iterator[tuple[str, Lock]]:
        """Addresses with a lock for all groups with one of these reasons, in force or ended."""
        numbers = frozenset(REASONS[reason].number for reason in reasons)
        for key, record in self.lock_records():
            if lockrecord.reason_number_of(record) in numbers:
                lock = lockrecord.unpack(record)
                if lock is not None:
                    yield key.decode(), lock

    def lock_records(self) -> Iterator[tuple[bytes, bytes]]:
        """All addresses with their lock records (`lockrecord`), ended ones too."""
        start = b""
        while True:
            with self._reading() as transaction:
                found = self._history.addresses.locked(transaction, start, _PORTION)
            yield from found
            if len(found) < _PORTION:
                return
            start = found[-1][0]

    def of_domain(
        self, domain: str, after: str = "", prefilter: Prefilter | None = None
    ) -> Iterator[Known]:
        """Addresses of a domain that have bounced or have a lock, if only one that has ended.

        The prefilter gets the lock record, which is empty where there is none.
        """
        states, name = self._history.addresses, domain.encode()

        def read(transaction: Transaction, start: bytes) -> list[tuple[bytes, bytes]]:
            keys = states.index.domains.listed(transaction, name, start, _OF_DOMAIN)
            return [(key, states.record_within(transaction, key) or b"") for key in keys]

        return self._known(read, after, prefilter, _OF_DOMAIN)

    def bounced(self, after: str = "", prefilter: Prefilter | None = None) -> Iterator[Known]:
        """Addresses of which a bounce is kept, whatever came of it."""
        return self._known(self._on(BOUNCED), after, prefilter)

    def detected(
        self, now: int, after: str = "", prefilter: Prefilter | None = None
    ) -> Iterator[Known]:
        """Addresses whose bounces count and that no lock is on at `now`, not even for one group."""
        never_locked = self._known(self._on(DETECTED), after, prefilter)
        once_locked = self._with_ended_locks(now, after, prefilter)
        for address, state in merge(never_locked, once_locked, key=itemgetter(0)):
            if is_detected(state, now):
                yield address, state

    def names_bounced(self) -> Iterator[str]:
        """The addresses of `bounced`, without what is known of them."""
        return self._names_on(BOUNCED)

    def names_never_locked(self) -> Iterator[str]:
        """Those of `detected` that have no lock, not even one that has ended."""
        return self._names_on(DETECTED)

    def _names_on(self, letter: bytes) -> Iterator[str]:
        read, start = self._on(letter), b""
        while True:
            with self._reading() as transaction:
                found = read(transaction, start)
            yield from (key.decode() for key, _ in found)
            if len(found) < _PORTION:
                return
            start = found[-1][0]

    def names(self) -> Iterator[str]:
        """Every address of which anything is known, in order."""
        states, start = self._history.addresses, b""
        while True:
            with self._reading() as transaction:
                found = states.names(transaction, start, _PORTION)
            yield from (key.decode() for key in found)
            if len(found) < _PORTION:
                return
            start = found[-1]

    def beginning(self, prefix: str, most: int, *, after: str = "", before: str = "") -> list[str]:
        """At most so many addresses that begin so, in order: the first ones, or those behind one.

        With `before`: the last ones before that address. Of them anything is known.
        """
        states = self._history.addresses
        with self._reading() as transaction:
            found = states.names_beginning(
                transaction, prefix.encode(), most, after.encode(), before.encode()
            )
        return [key.decode() for key in found]

    def known(self, addresses: Iterable[str]) -> dict[str, State]:
        """What is known of these addresses, without those of which nothing is."""
        with self._reading() as transaction:
            return dict(self._states(transaction, addresses))

    def events(self, address: str) -> list[Event]:
        """The bounces of an address, without those that are void or held, in order."""
        history = self._history
        with self._reading() as transaction:
            return [
                entry
                for number, entry in history.journal.of_address_within(transaction, address)
                if isinstance(entry, Event) and not history.rulings.leaves_out(transaction, number)
            ]

    def bounces_beyond(self, address: str, counted: int) -> list[JournalEntry]:
        """The bounces of an address, and a summary of some, if there may be more than `counted`.

        What is no bounce is not read twice: an act on a thousand addresses is one of each of them.
        """
        journal = self._history.journal
        if len(self._others) > _MOST_OTHERS:
            self._others.clear()
        with self._reading() as transaction:
            summary = journal.summary(transaction, address)
            if summary is None and journal.count(transaction, address) <= counted:
                return []
            found = journal.events_of(transaction, address, self._others)
            return [*([summary] if summary else []), *(event for _, event in found)]

    def has_bounced(self, address: str) -> bool:
        """Whether any bounce of an address is kept, whether or not it counts."""
        with self._reading() as transaction:
            return self._history.addresses.index.has(transaction, BOUNCED, address)

    def acts(self, address: str) -> list[Act]:
        """What was done to an address by hand or by rule, in order."""
        with self._reading() as transaction:
            entries = self._history.journal.of_address_within(transaction, address)
            return [entry for _, entry in entries if isinstance(entry, Act)]

    def cause(self, lock: Lock, address: str) -> Entry | None:
        """The entry that made a lock of an address; None for that of one that was purged.

        An act comes without the addresses that it is about, which may be a thousand.
        """
        if lock.cause & PROVISIONAL:
            return self._history.waiting(lock.cause, address)
        return self._cause(lock.cause)

    def _entry(self, number: int) -> Entry | None:
        with self._reading() as transaction:
            entry = self._history.journal.get(transaction, number) if number else None
        return replace(entry, addresses=(), seen=()) if isinstance(entry, Act) else entry

    def _on(self, letter: bytes) -> _Read:
        on = self._history.addresses.index.listed
        return lambda t, after: [(key, b"") for key in on(t, letter, after, _PORTION)]

    def _known(
        self, read: _Read, after: str, prefilter: Prefilter | None, most: int = _PORTION
    ) -> Iterator[Known]:
        """The states of the addresses that `read` gives, portion by portion."""
        start, get = after.encode(), self._history.addresses.get_within
        while True:
            with self._reading() as transaction:
                read_now = read(transaction, start)
                chosen = read_now if prefilter is None else [f for f in read_now if prefilter(*f)]
                names = [key.decode() for key, _ in chosen]
                found = [(name, get(transaction, name) or EMPTY) for name in names]
            yield from found
            if len(read_now) < most:
                return
            start = read_now[-1][0]

    def _with_ended_locks(
        self, now: int, after: str, prefilter: Prefilter | None
    ) -> Iterator[Known]:
        gathered = self._gathered(now)
        if gathered is None:
            found = self.locked(after, prefilter)
            yield from ((a, s) for a, s in found if not locks_at(s, now))
            return
        ordered = iter(
            sorted(
                a
                for a in gathered
                if a > after and (prefilter is None or prefilter(a.encode(), b""))
            )
        )
        while portion := list(islice(ordered, _PORTION)):
            with self._reading() as transaction:
                known = list(self._states(transaction, portion))
            # An address without any lock is listed under the other letter.
            yield from ((a, s) for a, s in known if locks_of(s))

    def _gathered(self, now: int) -> set[str] | None:
        """The addresses of which a lock has ended, or None if there are too many to gather."""
        addresses: set[str] = set()
        with self._reading() as transaction:
            for cause in self._history.addresses.index.ended(transaction, now):
                addresses.update(self._history.journal.addresses_within(transaction, cause))
                if len(addresses) > _MOST_GATHERED:
                    return None
        return addresses

    def _states(self, transaction: Transaction, addresses: Iterable[str]) -> Iterator[Known]:
        for address in addresses:
            state = self._history.addresses.get_within(transaction, address)
            if state is not None:
                yield address, state
