"""All events behind a position, in one order: the journal, ends of locks, and the outbox.

Nobody writes them down for an endpoint: whatever was not told yet is found here again. The order
is the journal's; locks end between two entries by their times; an event of the outbox follows the
entry that was the last one when it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.policy.fold import Policy
from bouncegate.store.history import History
from bouncegate.store.store import Store
from bouncegate.store.table import Table, Transaction
from bouncegate.web.events.ends import End, Ends
from bouncegate.web.events.event import Event, Maker
from bouncegate.web.events.outbox import Kept, Outbox
from bouncegate.web.events.past import Past
from bouncegate.web.events.position import Position
from bouncegate.web.events.telling import Telling, Unit

# One read transaction: some ten milliseconds, whatever the entries are.
_UNITS: Final = 500


class Told(NamedTuple):
    """An event, and where to go on behind it."""

    event: Event
    behind: Position
    """From where to go on: nothing is missed, and what comes again was told together with it."""
    whom: str = ""
    """For which endpoints it is: "each" or "sum", of refusals; empty: for all."""


class Portion(NamedTuple):
    """What a look has found."""

    told: list[Told]
    behind: Position
    """From where to go on: not all entries tell something."""
    is_last: bool
    """Whether nothing is left now."""


class Source(Table):
    """The events of one store; all methods raise StoreError."""

    def __init__(self, store: Store, outbox: Outbox | None, policy: Policy, host: str) -> None:
        """`host` begins the ids of events; without an outbox, what it holds is not told."""
        super().__init__(store.environment)
        self._history: Final[History] = store.history
        self._outbox = outbox
        self._past = Past(self._history, policy)
        make = Maker(host)
        self._telling = Telling(self._history, self._past, make)
        self._ends = Ends(self._history, self._past, make)

    @property
    def has_outbox(self) -> bool:
        """Whether what the outbox holds is told."""
        return self._outbox is not None

    def end(self, now: int) -> Position:
        """The position behind all that has happened."""
        last = self._history.journal.last()
        outbox = self._outbox.last() if self._outbox else 0
        return Position(last, now, 0, outbox)

    def since(self, time: int) -> Position:
        """The position before all that happened at a time or later."""
        with self._reading() as transaction:
            journal = self._history.journal
            number = journal.first_since(transaction, time) - 1 if journal.last() else 0
        outbox = self._outbox.before(time) if self._outbox else 0
        return Position(max(number, 0), max(time - 1, 0), 0, outbox)

    def behind(self, number: int) -> Position:
        """The position behind an entry of the journal, whose number is all that is known."""
        with self._reading() as transaction:
            entry = self._history.journal.first_kept(transaction, max(number - 1, 0))
        time = entry[1].time if entry else 0
        return Position(number, time, 0, self._outbox.behind(number) if self._outbox else 0)

    def dropped(self) -> int:
        """The last event of the outbox that was deleted to make room."""
        return self._outbox.dropped() if self._outbox else 0

    def time_of(self, number: int) -> int | None:
        """The time of an entry; None where it is not kept."""
        with self._reading() as transaction:
            journal = self._history.journal
            if not journal.exists(transaction, number):
                return None
            return journal.get(transaction, number).time

    def read(self, position: Position, most: int, now: int) -> Portion:
        """The next events, about `most` of them: those of one address and entry come together."""
        kept = self._outbox.next(position.outbox, most) if self._outbox else []
        told: list[Told] = []
        with self._past.turn, self._reading() as transaction:
            self._past.forget_acts()
            self._past.cover(transaction, position.number)
            for _ in range(_UNITS):
                step = self._step(transaction, position, now, kept)
                if step is None:
                    return Portion(told, position, is_last=True)
                for one in self._parts(transaction, position, step):
                    told.extend(one.told)
                    position = one.behind
                    if len(told) >= most:
                        return Portion(told, position, is_last=False)
        return Portion(told, position, is_last=False)

    def _parts(
        self, transaction: Transaction, position: Position, step: _Next
    ) -> Iterator[Portion]:
        """What comes next, address by address, with the position behind each."""
        if step.kept is not None:
            kept = Told(step.kept.event, step.behind, step.kept.whom)
            yield Portion([kept], step.behind, is_last=False)
            return
        for address in step.unit.behind(position.inside):
            behind = replace(position, inside=address)
            events = step.unit.tell(transaction, address)
            # Whoever stops between two of them is told both again.
            told = [Told(event, position) for event in events[:-1]]
            told += [Told(event, behind) for event in events[-1:]]
            yield Portion(told, behind, is_last=False)
            position = behind
        yield Portion([], step.behind, is_last=False)

    def _step(
        self, transaction: Transaction, position: Position, now: int, kept: list[Kept]
    ) -> _Next | None:
        while kept and kept[0].number <= position.outbox:
            kept.pop(0)
        if kept and kept[0].event.sequence <= position.number:
            return _Next(replace(position, outbox=kept[0].number), _NOTHING, kept[0])
        found = self._history.journal.first_kept(transaction, position.number)
        until = found[1].time if found else now
        behind = End(position.end, position.cause)
        end = self._ends.next(transaction, behind, until, position.number)
        if end is not None:
            unit = self._ends.unit(transaction, end, position.number)
            return _Next(replace(position, end=end.time, cause=end.cause, inside=""), unit)
        if found is None:
            return None
        number, entry = found
        unit = self._telling.unit(transaction, number, entry, position.end)
        return _Next(replace(position, number=number, inside=""), unit)


class _Next(NamedTuple):
    behind: Position
    unit: Unit
    kept: Kept | None = None


_NOTHING: Final = Unit((), lambda _transaction, _address: [])
