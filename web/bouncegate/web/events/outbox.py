"""What the journal does not tell: refusals, requests, senders that are blamed, purges.

    outbox  number, 8 octets -> Kept
    looked  name of a source -> how far it has been looked at

It lies in the environment of the events, not in the store, so that nothing here takes the store's
write lock. A look at a source and what it found are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.table import Table, Transaction
from bouncegate.web.events.event import Event

OUTBOX: Final = b"outbox"
LOOKED: Final = b"looked"
MOST_KEPT: Final = 50_000
"""Some 25 MB; the oldest go first, and whoever was not told them has to sync."""
_AT_ONCE: Final = 1000
# The number of the last one is kept apart: a purge may delete that one, and none is given twice.
_NUMBER: Final = b"\0number"
_DROPPED: Final = b"\0dropped"


class Kept(Struct, frozen=True):
    """An event of the outbox."""

    number: int
    time: int
    event: Event
    whom: str = ""
    """For which endpoints it is: "each" for those that want each refusal, "sum" for the others;
    empty: for all."""


class Outbox(Table):
    """The events, in their order; all methods but those with a transaction raise StoreError."""

    _map_setting = "nothing: it is bounded"

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._outbox = environment.open_db(OUTBOX, create=False)
        self._looked = environment.open_db(LOOKED, create=False)

    # -- reading -----------------------------------------------------------------------------

    def last(self) -> int:
        """The number of the last one; 0 where there was none yet."""
        with self._reading() as transaction:
            return self._last(transaction)

    def next(self, after: int, most: int) -> list[Kept]:
        """At most so many behind a number."""
        found: list[Kept] = []
        with self._reading() as transaction, transaction.cursor(self._outbox) as cursor:
            more = cursor.set_range(octets_of(after + 1))
            while more and len(found) < min(most, _AT_ONCE):
                found.append(_KEPT.decode(cursor.value()))
                more = cursor.next()
        return found

    def before(self, time: int) -> int:
        """The number of the last one before a time."""
        return self._last_that(lambda kept: kept.time < time)

    def behind(self, sequence: int) -> int:
        """The number of the last one that comes before all behind an entry of the journal."""
        return self._last_that(lambda kept: kept.event.sequence <= sequence)

    def looked(self, name: str) -> bytes:
        """How far a source has been looked at; empty: never."""
        with self._reading() as transaction:
            return transaction.get(name.encode(), db=self._looked) or b""

    def dropped(self) -> int:
        """The number of the last one that was deleted to make room; 0: none was."""
        with self._reading() as transaction:
            return number_of(transaction.get(_DROPPED, db=self._looked) or b"")

    # -- writing -----------------------------------------------------------------------------

    def add(self, events: Sequence[tuple[int, Event, str]], looked: dict[str, bytes]) -> None:
        """Write events with their times and for whom they are, and how far sources were read."""
        with self._writing() as transaction:
            number = self._last(transaction)
            for time, event, whom in events:
                number += 1
                kept = _encoded(Kept(number, time, event, whom))
                transaction.put(octets_of(number), kept, db=self._outbox)
            transaction.put(_NUMBER, octets_of(number), db=self._looked)
            for name, value in looked.items():
                transaction.put(name.encode(), value, db=self._looked)
            self._shorten(transaction, number)

    def purge(self, transaction: Transaction, ids: frozenset[str]) -> None:
        """Delete what is about addresses."""
        its = []
        with transaction.cursor(self._outbox) as cursor:
            more = cursor.first()
            while more:
                event = _KEPT.decode(cursor.value()).event
                if event.address and event.data.get("internal_id") in ids:
                    its.append(cursor.key())
                more = cursor.next()
        for key in its:
            transaction.delete(key, db=self._outbox)

    def expire(self, before: int) -> int:
        """Delete those from before a time; returns how many."""
        gone = 0
        with self._writing() as transaction, transaction.cursor(self._outbox) as cursor:
            while cursor.first() and _KEPT.decode(cursor.value()).time < before:
                cursor.delete()
                gone += 1
        return gone

    def _shorten(self, transaction: Transaction, last: int) -> None:
        with transaction.cursor(self._outbox) as cursor:
            while cursor.first() and number_of(cursor.key()) <= last - MOST_KEPT:
                transaction.put(_DROPPED, cursor.key(), db=self._looked)
                cursor.delete()

    def _last(self, transaction: Transaction) -> int:
        return number_of(transaction.get(_NUMBER, db=self._looked) or b"")

    def _last_that(self, is_before: Callable[[Kept], bool]) -> int:
        with self._reading() as transaction, transaction.cursor(self._outbox) as cursor:
            more = cursor.last()
            while more:
                if is_before(_KEPT.decode(cursor.value())):
                    return number_of(cursor.key())
                more = cursor.prev()
        return 0


_KEPT: Final = msgspec.msgpack.Decoder(Kept)
_encoded: Final = msgspec.msgpack.Encoder().encode
