"""Which events are left out of the fold: those that are void, and those that are held.

    voided  number of an event -> number of the ruling that voided it
    held    number of an event -> number of the incident for which it is held, or `UNCONFIRMED`

Both follow from the journal: its rulings, and `Event.held` of those that came during an
incident or wait for DNS. An event that is void stays so, whatever becomes of an incident.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, takewhile
from typing import Final

import lmdb

from bouncegate.policy.records import UNCONFIRMED
from bouncegate.policy.timeline import Mark
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.layout import HELD, VOIDED
from bouncegate.store.table import Table, Transaction

_UNCONFIRMED: Final = octets_of(UNCONFIRMED)


class Rulings(Table):
    """The marks of events, within a transaction of the caller's."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._voided = self._database(VOIDED)
        self._held = self._database(HELD)

    def is_void(self, transaction: Transaction, number: int) -> bool:
        """Whether the event is as if it had never come."""
        return transaction.get(octets_of(number), db=self._voided) is not None

    def leaves_out(self, transaction: Transaction, number: int) -> bool:
        """Whether the fold passes over the entry."""
        key = octets_of(number)
        voided = transaction.get(key, db=self._voided)
        return voided is not None or transaction.get(key, db=self._held) is not None

    def mark(self, transaction: Transaction, number: int) -> Mark:
        """Why the fold passes over the entry; empty where it does not."""
        if self.is_void(transaction, number):
            return "void"
        held_for = transaction.get(octets_of(number), db=self._held)
        return "" if held_for is None else _mark_of(held_for)

    def marks(self, transaction: Transaction, first: int, last: int) -> dict[int, Mark]:
        """The marks of all entries between two numbers, both included, that have one."""
        found: dict[int, Mark] = {}
        marks: tuple[tuple[lmdb._Database, Callable[[bytes], Mark]], ...] = (
            (self._held, _mark_of),
            (self._voided, lambda _: "void"),  # which it stays, whatever it is held for
        )
        end = octets_of(last)
        for database, mark in marks:
            with transaction.cursor(database) as cursor:
                if cursor.set_range(octets_of(first)):
                    items = takewhile(lambda item: item[0] <= end, cursor.iternext())
                    found.update((number_of(key), mark(value)) for key, value in items)
        return found

    def void(self, transaction: Transaction, number: int, ruling: int) -> None:
        """Mark an event as void."""
        transaction.put(octets_of(number), octets_of(ruling), db=self._voided)

    def hold(self, transaction: Transaction, number: int, incident: int) -> None:
        """Mark an event as held."""
        transaction.put(octets_of(number), octets_of(incident), db=self._held)

    def release(self, transaction: Transaction, number: int) -> None:
        """Take the mark of a held event away."""
        transaction.delete(octets_of(number), db=self._held)

    def is_held(self, transaction: Transaction, number: int) -> bool:
        """Whether the event is held, for an incident or until DNS confirms it."""
        return transaction.get(octets_of(number), db=self._held) is not None

    def is_unconfirmed(self, transaction: Transaction, number: int) -> bool:
        """Whether the event waits for DNS."""
        return transaction.get(octets_of(number), db=self._held) == _UNCONFIRMED

    def unconfirmed(self, transaction: Transaction, start: int, most: int) -> tuple[list[int], int]:
        """The events that wait for DNS among the next `most` that are held, from a number on.

        Returns the number to go on from as well; 0 behind the last.
        """
        with transaction.cursor(self._held) as cursor:
            items = (
                list(islice(cursor.iternext(), most)) if cursor.set_range(octets_of(start)) else []
            )
        numbers = [number_of(key) for key, held_for in items if held_for == _UNCONFIRMED]
        return numbers, number_of(items[-1][0]) + 1 if len(items) == most else 0

    def forget(self, transaction: Transaction, number: int) -> None:
        """Take every mark of an event away: it is no longer kept."""
        transaction.delete(octets_of(number), db=self._voided)
        transaction.delete(octets_of(number), db=self._held)

    def held_for(
        self, transaction: Transaction, incident: int, most: int | None = None
    ) -> list[int]:
        """The events that are held for an incident, in their order, at most so many."""
        wanted = octets_of(incident)
        numbers: list[int] = []
        with transaction.cursor(self._held) as cursor:
            for number, held_for in cursor.iternext() if cursor.first() else ():
                if len(numbers) == most:
                    break
                if held_for == wanted:
                    numbers.append(number_of(number))
        return numbers

    def incidents(self, transaction: Transaction) -> set[int]:
        """The numbers of the incidents for which events are held; reads all that is held."""
        with transaction.cursor(self._held) as cursor:
            held_for = {value for _, value in cursor.iternext()} if cursor.first() else set()
        return {number_of(value) for value in held_for - {_UNCONFIRMED}}


def _mark_of(held_for: bytes) -> Mark:
    return "unconfirmed" if held_for == _UNCONFIRMED else "held"
