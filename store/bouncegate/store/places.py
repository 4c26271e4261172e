"""Addresses in the order in which they were locked or bounced, or in which their locks end.

Neither order needs an index or a sort. The entry that made a lock is the lock's place in the
journal, and the last bounce of an address is the place of that address: the newest are found by
reading the journal from its end. `ends` has the entries that made locks by the end of these.

Each portion is read in a transaction of its own, and a walk that finds little stops at its
deadline; both go on at a place, in either direction. What changes meanwhile is seen or not, and
what has a new place by then comes at that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

import lmdb

from bouncegate.policy.addressstate import is_bounce, locks_of
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Entry, Event, State
from bouncegate.store.codec import decode_entry, number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.layout import ENDS, JOURNAL
from bouncegate.store.table import Table, Transaction

Order = Literal["newest-lock", "newest-bounce", "next-end"]

_PORTION: Final = 500
_END: Final = 4


class Place(NamedTuple):
    """Where a walk goes on: behind this address of this entry."""

    end: int
    """The end of its lock, in the order of ends; 0 in the others."""
    number: int
    address: str
    """Empty: behind the whole entry."""


class Placed(NamedTuple):
    """An address at its place."""

    place: Place
    state: State


class Walked(NamedTuple):
    """What was found, in the order of the walk, and where it goes on."""

    found: list[Placed]
    next: Place | None
    """None: nothing is left."""
    is_cut: bool
    """Whether the deadline came before the page was full."""


class Places(Table):
    """Walks over one store; all methods raise StoreError."""

    def __init__(self, environment: Environment, history: History) -> None:
        super().__init__(environment)
        self._history = history
        self._entries = self._database(JOURNAL)
        self._ends = self._database(ENDS)

    def walk(  # noqa: PLR0913 - where it begins, where it ends, and how long it may take
        self,
        order: Order,
        takes: Callable[[Placed], bool],
        limit: int,
        *,
        start: Place | None = None,
        back: bool = False,
        until: int = 0,
        seconds: float = 0.3,
    ) -> Walked:
        """Up to `limit` addresses behind a place, newest or soonest first; with `back` before it.

        Those before it are in reverse: the nearest first. `takes` says which are wanted, outside of
        any transaction. `until` is the last end to be looked at; 0: there is none.
        """
        deadline = time.monotonic() + seconds
        found: list[Placed] = []
        # What is shown at once is mostly what comes first: more is read only if that is not so.
        most = min(2 * limit, _PORTION)
        while True:
            portion, goes_on = self._portion(order, start, until, most, back=back)
            most = _PORTION
            for one in portion:
                if takes(one):
                    found.append(one)
                    if len(found) == limit:
                        return Walked(found, one.place, is_cut=False)
            if goes_on is None:
                return Walked(found, None, is_cut=False)
            start = goes_on
            if time.monotonic() >= deadline:
                return Walked(found, start, is_cut=True)

    def _portion(
        self, order: Order, start: Place | None, until: int, most: int, *, back: bool
    ) -> tuple[list[Placed], Place | None]:
        """The addresses of some entries, and where the next portion starts; None at the end."""
        found: list[Placed] = []
        looked_at = 0
        with self._reading() as transaction:
            for end, number in self._keys(transaction, order, start, back=back):
                if until and end > until and not back:
                    break
                entry = self._entry(transaction, number)
                for address in _addresses_of(entry, order, back=back):
                    place = Place(end, number, address)
                    if start is not None and not _is_behind(place, start, back=back):
                        continue
                    state = self._at_place(transaction, order, place)
                    if state is not None:
                        found.append(Placed(place, state))
                    looked_at += 1
                    if looked_at >= most:
                        return found, place
                looked_at += 1
                if looked_at >= most:
                    return found, Place(end, number, "")
        return found, None

    def _keys(
        self, transaction: Transaction, order: Order, start: Place | None, *, back: bool
    ) -> Iterator[tuple[int, int]]:
        """End and number of each entry from a place on; that of the place, if it is not done."""
        if order == "next-end":
            with transaction.cursor(self._ends) as cursor:
                for end, number in _ends_from(cursor, start, back=back):
                    if start is None or _goes_on(start, (end, number), back=back):
                        yield end, number
        else:
            with transaction.cursor(self._entries) as cursor:
                for key in _numbers_from(cursor, start, up=back):
                    if start is None or start.address or number_of(key) != start.number:
                        yield 0, number_of(key)

    def _at_place(self, transaction: Transaction, order: Order, place: Place) -> State | None:
        """The state of an address if this is its place in the order."""
        if order == "newest-bounce":
            if not self._is_last_bounce(transaction, place):
                return None
            return self._history.addresses.get_within(transaction, place.address) or EMPTY
        state = self._history.addresses.get_within(transaction, place.address)
        if state is None:
            return None
        for _, lock in locks_of(state):
            if order == "newest-lock" and lock.cause == place.number:
                return state
            # The lock of an address that was purged names no entry.
            if order == "next-end" and lock.until == place.end and lock.cause in (place.number, 0):
                return state
        return None

    def _is_last_bounce(self, transaction: Transaction, place: Place) -> bool:
        journal = self._history.journal
        for number in reversed(journal.numbers(transaction, place.address)):
            if number == place.number:
                return True
            entry = self._entry(transaction, number)
            if isinstance(entry, Event) and is_bounce(entry):
                return False
        return False

    def _entry(self, transaction: Transaction, number: int) -> Entry | None:
        octets = transaction.get(octets_of(number), db=self._entries)
        return None if octets is None else decode_entry(octets)


def _addresses_of(entry: Entry | None, order: Order, *, back: bool) -> list[str]:
    """Whom an entry may have locked, or who bounced by it, in the order of the walk."""
    if isinstance(entry, Event):
        return [entry.address] if entry.address and is_bounce(entry) else []
    if isinstance(entry, Act) and order != "newest-bounce":
        return sorted(entry.addresses, reverse=back)
    return []


def _is_behind(place: Place, start: Place, *, back: bool) -> bool:
    """Whether a place comes after another in the direction of the walk; newest come first."""
    if (place.end, place.number) != (start.end, start.number):
        return True  # the keys are behind already
    return place.address < start.address if back else place.address > start.address


def _goes_on(start: Place, key: tuple[int, int], *, back: bool) -> bool:
    """Whether an entry of an end is behind a place, or the place is within it."""
    at = (start.end, start.number)
    if key == at:
        return bool(start.address)
    return key < at if back else key > at


def _ends_from(
    cursor: lmdb.Cursor[bytes], start: Place | None, *, back: bool
) -> Iterator[tuple[int, int]]:
    first = start.end if start is not None else 0
    if not back:
        items = cursor.iternext() if cursor.set_range(first.to_bytes(_END, "big")) else iter(())
    elif cursor.set_range((first + 1).to_bytes(_END, "big")):
        items = cursor.iterprev() if cursor.prev() else iter(())
    else:
        items = cursor.iterprev() if cursor.last() else iter(())
    for end, number in items:
        yield int.from_bytes(end, "big"), number_of(number)


def _numbers_from(cursor: lmdb.Cursor[bytes], start: Place | None, *, up: bool) -> Iterator[bytes]:
    """The keys of the journal from the number of a place on, up or down."""
    if start is None:
        found = cursor.last()
    elif up:
        found = cursor.set_range(octets_of(start.number))
    elif cursor.set_range(octets_of(start.number)):
        found = cursor.key() == octets_of(start.number) or cursor.prev()
    else:
        found = cursor.last()
    if not found:
        return iter(())
    return cursor.iternext(values=False) if up else cursor.iterprev(values=False)
