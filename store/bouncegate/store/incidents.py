"""Incidents: the guard's findings, from the bounce that trips it until they are settled.

    incidents  number of the `Opened` entry -> number of the `Settled` one, 0 while it is open

While an incident is open, hard bounces of its provider and reason are held: kept, but counted
for nobody. What had counted within the window when it opened is held with them, in the very
transaction that takes in the bounce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import lmdb

from bouncegate.policy.fold import Fold
from bouncegate.policy.guard import Guard, Series
from bouncegate.policy.records import MOST_EVENTS, Event, Opened, Ruling, Settled
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.environment import INCIDENTS
from bouncegate.store.history import History
from bouncegate.store.opened import Environment

GUARD: Final = "guard"
"""Who settles an incident that no operator has settled."""


class Incident(NamedTuple):
    """One finding of the guard."""

    number: int
    opened: Opened
    settled: Settled | None = None

    @property
    def series(self) -> Series:
        """The bounces that it is about."""
        return Series(self.opened.provider, self.opened.reason)


class Admission(NamedTuple):
    """What the guard says of one bounce."""

    incident: int
    """For which the bounce is held; 0: it counts."""
    changes: Sequence[Incident]
    """What was opened or closed because of it."""


class Incidents:
    """Opening, holding and settling, within a transaction of the caller's."""

    def __init__(self, environment: Environment, history: History) -> None:
        """Use an environment that is open; its databases exist."""
        self._incidents = environment.open_db(INCIDENTS, create=False)
        self._history = history

    def admit(
        self,
        transaction: lmdb.Transaction[bytes],
        series: Series,
        event: Event,
        guard: Guard,
        fold: Fold,
    ) -> Admission:
        """Whether a bounce that would count is to be held; opens and closes incidents by it."""
        window, now = self._history.window, event.time
        window.expire(transaction, now - guard.window)
        addresses, incident = window.tally(transaction, series)
        changes: list[Incident] = []
        if incident and not addresses and guard.recovered(series, 0, now):
            changes.append(self._close(transaction, incident, now, fold))
            incident = 0
        if incident:
            return Admission(incident, changes)
        addresses += not window.knows(transaction, series, event.address)
        limit = guard.excess(series, addresses, now)
        if limit is None:
            return Admission(0, changes)
        opened = Opened(now, series.provider, series.reason, addresses, limit)
        changes.append(self._open(transaction, opened, fold))
        return Admission(changes[-1].number, changes)

    def settle_some(
        self, transaction: lmdb.Transaction[bytes], settlement: Settled, fold: Fold
    ) -> Incident | None:
        """Settle an incident, or as much of it as one transaction should; None: go on.

        `settlement` names an incident that exists; one that is settled already stays as it is.
        """
        number = settlement.incident
        incident = self.get(transaction, number)
        assert incident is not None, f"there is no incident {number}"
        if incident.settled is not None:
            return incident
        held = self._history.rulings.held_for(transaction, number, MOST_EVENTS)
        if held:
            self._history.rule(transaction, _ruling(settlement, held), fold)
        if len(held) == MOST_EVENTS:
            return None
        end = self._history.journal.append(transaction, settlement)
        transaction.put(octets_of(number), octets_of(end), db=self._incidents)
        self._history.window.set_incident(transaction, incident.series, 0)
        return incident._replace(settled=settlement)

    def open_for_names(self, transaction: lmdb.Transaction[bytes], opened: Opened) -> int:
        """Open an incident that holds nothing: its bounces wait for DNS. Tells its number."""
        number = self._history.journal.append(transaction, opened)
        transaction.put(octets_of(number), octets_of(0), db=self._incidents)
        return number

    def get(self, transaction: lmdb.Transaction[bytes], number: int) -> Incident | None:
        """An incident, or None where the number is not one's."""
        end = transaction.get(octets_of(number), db=self._incidents)
        if end is None:
            return None
        journal = self._history.journal
        opened = journal.get(transaction, number)
        assert isinstance(opened, Opened), f"entry {number} opens no incident"
        settled = journal.get(transaction, number_of(end)) if number_of(end) else None
        assert settled is None or isinstance(settled, Settled), f"entry {end!r} settles nothing"
        return Incident(number, opened, settled)

    def all(self, transaction: lmdb.Transaction[bytes]) -> Iterator[Incident]:
        """All incidents, in the order in which they opened."""
        with transaction.cursor(self._incidents) as cursor:
            numbers = list(cursor.iternext(values=False)) if cursor.first() else []
        for octets in numbers:
            incident = self.get(transaction, number_of(octets))
            if incident is not None:
                yield incident

    def _open(self, transaction: lmdb.Transaction[bytes], opened: Opened, fold: Fold) -> Incident:
        history = self._history
        number = history.journal.append(transaction, opened)
        incident = Incident(number, opened)
        events = [event for _, event in history.window.events(transaction, incident.series)]
        for start in range(0, len(events), MOST_EVENTS):
            portion = tuple(events[start : start + MOST_EVENTS])
            ruling = Ruling("hold", portion, opened.time, GUARD, incident=number)
            history.rule(transaction, ruling, fold)
        transaction.put(octets_of(number), octets_of(0), db=self._incidents)
        history.window.set_incident(transaction, incident.series, number)
        return incident

    def _close(
        self, transaction: lmdb.Transaction[bytes], number: int, now: int, fold: Fold
    ) -> Incident:
        settlement = closed_by_guard(number, now)
        while True:
            incident = self.settle_some(transaction, settlement, fold)
            if incident is not None:
                return incident


def closed_by_guard(incident: int, now: int) -> Settled:
    """The settlement of an incident after which deliveries have succeeded again.

    The held events are void: whichever address is dead indeed will bounce again and be locked
    then, which costs one message; the other way round, living ones would be locked for a year.
    """
    return Settled(incident, now, "closed", GUARD, "deliveries succeed again")


def _ruling(settlement: Settled, numbers: Sequence[int]) -> Ruling:
    return Ruling(
        verb="release" if settlement.verb == "confirmed" else "void",
        numbers=tuple(numbers),
        time=settlement.time,
        by=settlement.by,
        why=settlement.why,
        incident=settlement.incident,
        audit=settlement.audit,
    )
