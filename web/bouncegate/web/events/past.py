"""What was known of an address when an entry of the journal had just come.

The store holds what is known now. An endpoint that lags, or a feed that is read late, must be told
the same events as one that follows at once: a lock that a bounce made is told, although the bounce
was voided later, and then that the lock is gone. So the entries of an address are folded once more
up to the number in question, without those that the rulings *up to that number* leave out.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import Act, Delivered, Event, JournalEntry, Ruling, State
from bouncegate.policy.timeline import Mark, Step, steps
from bouncegate.store.history import History
from bouncegate.store.table import Transaction

_MARKS: Final[dict[str, Mark]] = {"void": "void", "hold": "held", "release": ""}
# Acts on a thousand addresses, of which one after the other is told; each takes some 100 KB.
_ACTS_AT_ONCE: Final = 64
# Some 40 MB; beyond that the index is made anew, of what is still to be told.
_MOST_RULED: Final = 200_000


class Moment(NamedTuple):
    """An address before and after an entry."""

    before: State
    step: Step | None
    """What the entry did; None where it is a ruling."""
    after: State


class _Ruled(NamedTuple):
    number: int
    verb: str
    is_settlement: bool


class RulingIndex:
    """The rulings on each event, in the part of the journal that was looked at."""

    def __init__(self, history: History) -> None:
        self._journal = history.journal
        self._first = self._last = 0
        self._of: dict[int, list[_Ruled]] = defaultdict(list)

    def of(self, event: int) -> list[_Ruled]:
        """Those on one event that are known, in their order."""
        return self._of.get(event, [])

    def cover(self, transaction: Transaction, first: int) -> None:
        """Know all rulings from a number on, up to the end of the journal."""
        last = self._journal.last_within(transaction)
        if len(self._of) > _MOST_RULED:
            self._of.clear()
            self._first = self._last = 0
        if not self._last:
            self._first, self._last = last + 1, last
        if last > self._last:
            self._read(transaction, self._last + 1, last)
            self._last = last
        if first < self._first:
            self._read(transaction, first, self._first - 1)
            self._first = first

    def _read(self, transaction: Transaction, first: int, last: int) -> None:
        for number, ruling in self._journal.rulings_within(transaction, first, last):
            found = _Ruled(number, ruling.verb, bool(ruling.incident))
            for event in ruling.numbers:
                self._of[event].append(found)
                self._of[event].sort()


class Past:
    """States of the past, for one process; threads take turns."""

    def __init__(self, history: History, policy: Policy) -> None:
        self._history = history
        self._policy = policy
        self._index = RulingIndex(history)
        self._acts: dict[int, Act | Delivered] = {}
        self.turn: Final = threading.Lock()

    def cover(self, transaction: Transaction, after: int) -> None:
        """Be ready for the entries behind a number; before any other call in a transaction."""
        self._index.cover(transaction, after + 1)

    def moment(self, transaction: Transaction, address: str, number: int) -> Moment:
        """The address before and after the entry of that number."""
        before, step = EMPTY, None
        for one in self._steps(transaction, address, number):
            if one.number == number:
                step = one
            else:
                before = one.after
        if step is not None:
            return Moment(before, step, step.after)
        before = self.state(transaction, address, number - 1)
        return Moment(before, None, self.state(transaction, address, number))

    def state(self, transaction: Transaction, address: str, number: int) -> State:
        """The address after all entries up to that number."""
        state = EMPTY
        for step in self._steps(transaction, address, number):
            state = step.after
        return state

    def _steps(self, transaction: Transaction, address: str, number: int) -> Iterator[Step]:
        return steps(self._marked(transaction, address, number), self._policy)

    def _marked(
        self, transaction: Transaction, address: str, last: int
    ) -> Iterator[tuple[int, JournalEntry, Mark]]:
        journal = self._history.journal
        if (summary := journal.summary(transaction, address)) is not None:
            yield summary.last, summary, ""
        for number in journal.numbers(transaction, address):
            if number > last:
                return
            entry = self._entry(transaction, number)
            is_event = isinstance(entry, Event)
            yield number, entry, self._mark(transaction, number, entry, last) if is_event else ""

    def _entry(self, transaction: Transaction, number: int) -> JournalEntry:
        if (known := self._acts.get(number)) is not None:
            return known
        entry = self._history.journal.get(transaction, number)
        assert isinstance(entry, Event | Act | Delivered), f"entry {number} concerns no address"
        if not isinstance(entry, Event):
            if len(self._acts) == _ACTS_AT_ONCE:
                self._acts.pop(next(iter(self._acts)))
            self._acts[number] = entry
        return entry

    def forget_acts(self) -> None:
        """What is remembered of entries may have changed by a purge: for each transaction anew."""
        self._acts.clear()

    def _mark(self, transaction: Transaction, number: int, event: JournalEntry, last: int) -> Mark:
        """Why an event was left out when the journal ended with entry `last`."""
        assert isinstance(event, Event), "others are never left out"
        ruled = self._index.of(number)
        if not ruled:
            return self._history.rulings.mark(transaction, number)
        if not _until(ruled, last) and ruled[0].verb == "void" and not ruled[0].is_settlement:
            # It was undone later; whether it was held at that time, an earlier ruling says.
            self._index.cover(transaction, number)
            ruled = self._index.of(number)
        if earlier := _until(ruled, last):
            return _MARKS[earlier[-1].verb]
        if ruled[0].verb == "hold":
            return ""
        was_held = event.held or ruled[0].verb == "release" or ruled[0].is_settlement
        return "held" if was_held else ""


def _until(ruled: list[_Ruled], last: int) -> list[_Ruled]:
    return [one for one in ruled if one.number <= last]


def events_of(ruling: Ruling, history: History, transaction: Transaction) -> Iterator[Event]:
    """The events that a ruling is about and that are kept."""
    journal = history.journal
    for number in ruling.numbers:
        if journal.exists(transaction, number):
            yield journal.event(transaction, number)
