"""The bounces as they came, each with whether it counts, read in transactions that are short.

A report reads everything there is. A reader that stays for a million bounces would keep LMDB from
using its free pages again while more come in; so each portion is read in a transaction of its own,
and what changes meanwhile is seen or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from bouncegate.policy.records import Event
from bouncegate.policy.timeline import Mark
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.meta import RetentionMark
from bouncegate.store.table import Table

# Some ten milliseconds each.
_PORTION: Final = 2000
# A bounce in Postfix's log has the time of its line, and the log may be read long after, behind
# what came by mail meanwhile. Ten days of a million bounces a month are read in a second.
_LATEST: Final = 10 * 86_400
# Entries that are no bounces and concern many addresses are decoded once, not once an address.
_MOST_REMEMBERED: Final = 100_000


class Arrival(NamedTuple):
    """One bounce as it came."""

    number: int
    event: Event
    mark: Mark


class Arrivals(Table):
    """The bounces of one store; all methods raise StoreError."""

    def __init__(self, environment: Environment, history: History) -> None:
        super().__init__(environment)
        self._history = history
        self._gone = RetentionMark(environment)

    def whole_since(self) -> int:
        """From when on all bounces are kept, but for those of purged addresses; 0: ever."""
        with self._reading() as transaction:
            return self._gone.whole_since(transaction)

    def since(self, time: int = 0) -> Iterator[Arrival]:
        """In the order in which they were recorded, with some that came before that time; 0: all.

        What came then and was recorded up to ten days later is among them.
        """
        journal, marks = self._history.journal, self._history.rulings.marks
        with self._reading() as transaction:
            start = journal.first_since(transaction, time - _LATEST) if time else 1
        while True:
            with self._reading() as transaction:
                entries = list(islice(journal.bounces(transaction, start), _PORTION))
                known = marks(transaction, start, entries[-1][0]) if entries else {}
            for number, event in entries:
                if event is not None:
                    yield Arrival(number, event, known.get(number, ""))
            if len(entries) < _PORTION:
                return
            start = entries[-1][0] + 1

    def by_address(self) -> Iterator[tuple[str, list[Arrival]]]:
        """Those of each address that has any, by address."""
        journal, mark = self._history.journal, self._history.rulings.mark
        others: set[int] = set()
        after = ""
        while True:
            with self._reading() as transaction:
                names = list(islice(journal.names(transaction, after), _PORTION))
                found = [
                    (
                        name,
                        [
                            Arrival(number, event, mark(transaction, number))
                            for number, event in journal.events_of(transaction, name, others)
                        ],
                    )
                    for name in names
                ]
            yield from ((name, arrivals) for name, arrivals in found if arrivals)
            if len(names) < _PORTION:
                return
            after = names[-1]
            if len(others) > _MOST_REMEMBERED:
                others.clear()
