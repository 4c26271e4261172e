"""Locks that end by the clock: no entry says so, the table `ends` knows when.

Between the entry before and the entry behind it, by time: an address is told to be free before it
is told to be locked again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bouncegate.policy.addressstate import locks_of
from bouncegate.store.history import History
from bouncegate.store.table import Transaction
from bouncegate.web.events.changes import ENDED, unlocked
from bouncegate.web.events.event import Event, Maker
from bouncegate.web.events.past import Past
from bouncegate.web.events.telling import Unit

_PURGED: Final = 0
"""The cause of a lock whose entry went with a purge."""


class End(NamedTuple):
    """The locks that one entry made and that end at one time."""

    time: int
    cause: int


class Ends:
    """Ends of locks as events."""

    def __init__(self, history: History, past: Past, make: Maker) -> None:
        self._history = history
        self._past = past
        self._make = make

    def next(self, transaction: Transaction, behind: End, until: int, number: int) -> End | None:
        """The first ends behind some, up to a time, of locks that entries up to `number` made."""
        for time, cause in self._history.addresses.index.ends(transaction, *behind):
            if time > until:
                return None
            if cause <= number:
                return End(time, cause)
        return None

    def unit(self, transaction: Transaction, end: End, number: int) -> Unit:
        """What is told of them; `number` is the last entry that was told."""

        def tell(transaction: Transaction, address: str) -> list[Event]:
            state = self._past.state(transaction, address, number)
            return [
                self._make(unlocked(address, ENDED, lock, scope), end.time, number, address, scope)
                for scope, lock in locks_of(state)
                if lock.until == end.time and lock.cause in (end.cause, _PURGED)
            ]

        return Unit(self._history.journal.addresses_within(transaction, end.cause), tell)
