"""What became of events, by endpoint: how far it is, what waits, what is dead, what was tried.

    places   name -> Place
    waiting  name NUL number -> Parcel, which failed or stands behind one that failed
    dead     name NUL number -> Parcel, whose last attempt failed
    tried    name NUL number -> Attempt

Numbers are given once for an endpoint, so that records lie in the order in which they were made.
The daemon is the only one that delivers; commands write too, and let it know by the generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import lmdb
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bouncegate.store.codec import octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.table import Table, Transaction
from bouncegate.web.events.event import Event
from bouncegate.web.events.position import Position

PLACES: Final = b"places"
WAITING: Final = b"waiting"
DEAD: Final = b"dead"
TRIED: Final = b"tried"
DATABASES: Final = (PLACES, WAITING, DEAD, TRIED)

MOST_WAITING: Final = 500
"""Events of an endpoint that wait; beyond that it goes no further in the journal."""
MOST_DEAD: Final = 1000
"""Dead letters of an endpoint, an event each."""
MOST_TRIED: Final = 300
"""Attempts of an endpoint that are kept."""

STEP: Final = 1024
"""Between the numbers of two parcels: a batch that is taken apart keeps its place in the order."""

_T = TypeVar("_T", bound=Struct)


class Parcel(Struct, frozen=True, omit_defaults=True):
    """What is sent in one request: an event, or a batch of them."""

    number: int
    events: tuple[Event, ...]
    tries: int = 0
    due: float = 0
    """When it is to be tried again."""
    first_failed: float = 0
    error: str = ""
    """Of the last attempt."""

    @property
    def id(self) -> str:
        """The same at each attempt."""
        return self.events[0].id

    @property
    def lanes(self) -> frozenset[str]:
        """What it is about: what comes later about one of them has to wait for it."""
        return frozenset(lane_of(event) for event in self.events)


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One request."""

    time: float
    id: str
    type: str
    status: int = 0
    """Of HTTP; 0: there was no answer."""
    seconds: float = 0
    answer: str = ""
    """The first of it, or why there was none."""
    outcome: str = ""
    """"delivered", "again", "dead" or "disabled"."""


class Place(Struct, frozen=True, omit_defaults=True):
    """How far an endpoint is."""

    position: Position
    time: int = 0
    """When it was known to be there."""
    entry_time: int = 0
    """The time of the journal's entry with that number: another store has another one."""
    generation: int = 0
    """Raised by a command that changes what is to be done."""
    next_number: int = 1
    disabled: int = 0
    """Since when it is sent nothing, for it said 410 or was paused; 0: it is sent everything."""
    failing_since: int = 0
    """Since when no attempt succeeded; 0: the last one did."""
    last_error: str = ""
    delivered: int = 0
    """Events that were accepted."""
    failed: int = 0
    """Attempts that were not."""
    died: int = 0
    """Events that became dead letters, or were dropped because there were too many of these."""


class Came(NamedTuple):
    """What a round has come to."""

    waiting: Sequence[Parcel] = ()
    """What has to wait from now on, or again."""
    gone: Sequence[int] = ()
    """What no longer does."""
    dead: Sequence[Parcel] = ()
    tried: Sequence[Attempt] = ()


class Changed(Exception):
    """A command has changed what is to be done: read it again."""


def lane_of(event: Event) -> str:
    """What keeps events in order: the address, else the incident or sender it is about."""
    data = event.data
    named = data.get("internal_id") or data.get("incident") or data.get("sender") or event.type
    return event.address or str(named)


class Deliveries(Table):
    """Records by endpoint; all methods raise StoreError."""

    _map_setting = "nothing: it is bounded"

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._places, self._waiting, self._dead, self._tried = (
            environment.open_db(name, create=False) for name in DATABASES
        )

    # -- reading -----------------------------------------------------------------------------

    def place(self, name: str) -> Place | None:
        """How far an endpoint is; None: it is new."""
        with self._reading() as transaction:
            return self._place(transaction, name)

    def waiting(self, name: str) -> list[Parcel]:
        """What waits, in its order."""
        with self._reading() as transaction:
            return list(self._all(transaction, self._waiting, name, _PARCELS))

    def dead(self, name: str) -> list[Parcel]:
        """The dead letters, in their order."""
        with self._reading() as transaction:
            return list(self._all(transaction, self._dead, name, _PARCELS))

    def tried(self, name: str) -> list[Attempt]:
        """The last attempts, the oldest first."""
        with self._reading() as transaction:
            return list(self._all(transaction, self._tried, name, _ATTEMPTS))

    # -- writing: the daemon -----------------------------------------------------------------

    def start(self, name: str, place: Place) -> None:
        """Make a new endpoint known."""
        with self._writing() as transaction:
            transaction.put(name.encode(), _encoded(place), db=self._places)

    def settle(self, name: str, place: Place, came: Came) -> Place:
        """Write down what a round has come to, all of it or nothing; returns the place as it is.

        Raises Changed: then nothing is written.
        """
        with self._writing() as transaction:
            known = self._place(transaction, name)
            if known is None or known.generation != place.generation:
                raise Changed(name)
            for number in came.gone:
                transaction.delete(_key(name, number), db=self._waiting)
            for parcel in came.waiting:
                transaction.put(_key(name, parcel.number), _encoded(parcel), db=self._waiting)
            for parcel in came.dead:
                transaction.put(_key(name, parcel.number), _encoded(parcel), db=self._dead)
            for number, attempt in enumerate(came.tried, place.next_number):
                transaction.put(_key(name, number), _encoded(attempt), db=self._tried)
            place = replace(place, next_number=place.next_number + len(came.tried))
            transaction.put(name.encode(), _encoded(place), db=self._places)
            self._keep(transaction, self._tried, name, MOST_TRIED)
            self._keep(transaction, self._dead, name, MOST_DEAD)
            return place

    def expire(self, name: str, before: float) -> int:
        """Delete dead letters whose last attempt was before a time; returns how many."""
        with self._writing() as transaction:
            old = [
                one.number
                for one in self._all(transaction, self._dead, name, _PARCELS)
                if one.due < before
            ]
            for number in old:
                transaction.delete(_key(name, number), db=self._dead)
        return len(old)

    # -- writing: commands -------------------------------------------------------------------

    def replay_dead(self, name: str, ids: Sequence[str] | None, now: float) -> int:
        """Let dead letters wait again, all or those of the ids; returns how many.

        An endpoint that is disabled is enabled. Raises KeyError where it has not begun.
        """
        with self._writing() as transaction:
            place = self._changed(transaction, name)
            number, count = place.next_number, 0
            for one in list(self._all(transaction, self._dead, name, _PARCELS)):
                if ids is None or {event.id for event in one.events}.intersection(ids):
                    transaction.delete(_key(name, one.number), db=self._dead)
                    again = Parcel(number, one.events, due=now)
                    transaction.put(_key(name, number), _encoded(again), db=self._waiting)
                    number, count = number + STEP, count + 1
            for one in list(self._all(transaction, self._waiting, name, _PARCELS)):
                transaction.put(
                    _key(name, one.number), _encoded(replace(one, due=now)), db=self._waiting
                )
            place = replace(place, next_number=number)
            transaction.put(name.encode(), _encoded(place), db=self._places)
        return count

    def rewind(self, name: str, position: Position, entry_time: int) -> None:
        """Let an endpoint be told everything behind a position again.

        What waits goes on to wait. Raises KeyError where the endpoint has not begun.
        """
        with self._writing() as transaction:
            place = replace(
                self._changed(transaction, name),
                position=position,
                entry_time=entry_time,
            )
            transaction.put(name.encode(), _encoded(place), db=self._places)

    def pause(self, name: str, now: int, why: str) -> None:
        """Let an endpoint be sent nothing until `replay_dead` or `rewind` enables it.

        Raises KeyError where it has not begun.
        """
        with self._writing() as transaction:
            place = replace(self._changed(transaction, name), disabled=now, last_error=why)
            transaction.put(name.encode(), _encoded(place), db=self._places)

    def purge(self, transaction: Transaction, ids: frozenset[str]) -> None:
        """Take events about addresses out of all that waits or is dead."""
        for database in (self._waiting, self._dead):
            for key, parcel in list(_items(transaction, database, _PARCELS)):
                left = tuple(e for e in parcel.events if not _is_about(e, ids))
                if not left:
                    transaction.delete(key, db=database)
                elif len(left) < len(parcel.events):
                    transaction.put(key, _encoded(replace(parcel, events=left)), db=database)
        for key, place in list(_items(transaction, self._places, _PLACES)):
            raised = replace(place, generation=place.generation + 1)
            transaction.put(key, _encoded(raised), db=self._places)

    def _changed(self, transaction: Transaction, name: str) -> Place:
        place = self._place(transaction, name)
        if place is None:
            raise KeyError(name)
        return replace(place, generation=place.generation + 1, disabled=0)

    def _place(self, transaction: Transaction, name: str) -> Place | None:
        octets = transaction.get(name.encode(), db=self._places)
        return None if octets is None else _PLACES.decode(octets)

    def _keep(
        self, transaction: Transaction, database: lmdb._Database, name: str, most: int
    ) -> None:
        keys = [key for key, _ in _raw(transaction, database, name)]
        for key in keys[: max(len(keys) - most, 0)]:
            transaction.delete(key, db=database)

    def _all(
        self,
        transaction: Transaction,
        database: lmdb._Database,
        name: str,
        decoder: msgspec.msgpack.Decoder[_T],
    ) -> Iterator[_T]:
        for _, octets in _raw(transaction, database, name):
            yield decoder.decode(octets)


def _raw(
    transaction: Transaction, database: lmdb._Database, name: str
) -> Iterator[tuple[bytes, bytes]]:
    prefix = _key(name, 0)[:-8]
    with transaction.cursor(database) as cursor:
        for key, octets in cursor.iternext() if cursor.set_range(prefix) else ():
            if not key.startswith(prefix):
                return
            yield key, octets


def _items(
    transaction: Transaction, database: lmdb._Database, decoder: msgspec.msgpack.Decoder[_T]
) -> Iterator[tuple[bytes, _T]]:
    with transaction.cursor(database) as cursor:
        for key, octets in cursor.iternext() if cursor.first() else ():
            yield key, decoder.decode(octets)


def _is_about(event: Event, ids: frozenset[str]) -> bool:
    return bool(event.address) and event.data.get("internal_id") in ids


def _key(name: str, number: int) -> bytes:
    return name.encode() + b"\0" + octets_of(number)


_PLACES: Final = msgspec.msgpack.Decoder(Place)
_PARCELS: Final = msgspec.msgpack.Decoder(Parcel)
_ATTEMPTS: Final = msgspec.msgpack.Decoder(Attempt)
_encoded: Final = msgspec.msgpack.Encoder().encode
