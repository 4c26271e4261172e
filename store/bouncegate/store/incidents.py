"""Incidents: the guard's findings, from the bounce that trips it until they are settled.

    incidents  number of the `Opened` entry -> number of the `Settled` one, 0 while it is open

While an incident is open, hard bounces of its series are held if their addresses were known before:
kept, but counted for nobody. Those of its window that had counted when it opened are held with
them, in the very transaction that takes in the bounce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import lmdb

from bouncegate.policy.fold import Fold
from bouncegate.policy.guard import Guard, Series, Watched
from bouncegate.policy.known import Known, known
from bouncegate.policy.records import MOST_EVENTS, Event, Opened, Ruling, Settled, State
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.lastmailed import LastMailed
from bouncegate.store.layout import INCIDENTS
from bouncegate.store.window import Standing, counted

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
    """What was opened because of it."""
    watched: Sequence[Watched]
    """In what it is watched from now on."""
    sure: bool
    """Whether its address was known for sure."""


NOT_WATCHED: Final = Admission(0, (), (), sure=False)


class Incidents:
    """Opening, holding and settling, within a transaction of the caller's."""

    def __init__(self, environment: Environment, history: History, usage: LastMailed) -> None:
        """Use an environment that is open; its databases exist."""
        self._incidents = environment.open_db(INCIDENTS, create=False)
        self._history = history
        self._usage = usage

    def admit(
        self,
        transaction: lmdb.Transaction[bytes],
        event: Event,
        before: State,
        guard: Guard,
        fold: Fold,
    ) -> Admission:
        """Whether a bounce that would count is to be held; opens incidents by it."""
        mailed = self._usage.mailed(transaction, event.address)
        is_known = known(event, before, mailed, guard.known_after)
        watched = tuple(guard.watched(event, is_known))
        sure = is_known is Known.YES
        held, changes = 0, []
        for one in watched:
            quiet, incident = self._history.window.standing(transaction, one.series)
            if not incident and quiet:
                standing = Standing(quiet - 1, 0)
                self._history.window.stand(transaction, one.series, standing)
            elif not incident:
                found = self._judge(transaction, one, event, guard, sure=sure)
                if found is not None:
                    changes.append(self._open(transaction, found, guard, fold))
                    incident = changes[-1].number
            held = held or incident
        return Admission(held, changes, watched, sure)

    def _judge(
        self,
        transaction: lmdb.Transaction[bytes],
        watched: Watched,
        event: Event,
        guard: Guard,
        *,
        sure: bool,
    ) -> Opened | None:
        """What a bounce opens, if it is one too many of a series."""
        window, series = self._history.window, watched.series
        bounces = window.all(transaction, series)
        bounces.append(counted(watched, event.time, sure=sure))
        excess, quiet = guard.judge(series, bounces, event.time)
        if excess is None:
            window.stand(transaction, series, Standing(quiet, 0))
            return None
        span, addresses, limit = excess
        seconds = 0 if span.seconds == guard.window else span.seconds
        return Opened(event.time, series.provider, series.reason, addresses, limit, seconds)

    def looked_at(
        self, transaction: lmdb.Transaction[bytes], incident: Incident, guard: Guard, now: int
    ) -> tuple[int, int]:
        """(how many addresses bounce in the window that ends now, how many bounces are new).

        New are those that came since the last look, whenever they happened: while the news of an
        outage still comes in, it is not over.
        """
        window, series = self._history.window, incident.series
        bounces = window.all(transaction, series)
        seen, number = window.standing(transaction, series)
        if len(bounces) != seen:
            window.stand(transaction, series, Standing(len(bounces), number))
        return guard.within(series, bounces, now), max(len(bounces) - seen, 0)

    def settle_some(
        self, transaction: lmdb.Transaction[bytes], settlement: Settled, fold: Fold
    ) -> Incident | None:
        """Settle an incident, or as much of it as one transaction should; None: go on.

        `settlement` names an incident that exists. The first one to come decides: what is left of
        an incident that is settled already is carried out as that one says.
        """
        number = settlement.incident
        incident = self.get(transaction, number)
        assert incident is not None, f"there is no incident {number}"
        decided = incident.settled
        if decided is None:
            decided = settlement
            end = self._history.journal.append(transaction, settlement)
            transaction.put(octets_of(number), octets_of(end), db=self._incidents)
            self._history.window.stand(transaction, incident.series, Standing(0, 0))
        held = self._history.rulings.held_for(transaction, number, MOST_EVENTS)
        if held:
            self._history.rule(transaction, _ruling(decided, held), fold)
        return None if len(held) == MOST_EVENTS else incident._replace(settled=decided)

    def half_settled(self, transaction: lmdb.Transaction[bytes]) -> list[Settled]:
        """The settlements of incidents for which events are held all the same.

        Whoever settled them was interrupted. Reads all that is held.
        """
        numbers = self._history.rulings.incidents(transaction)
        found = (self.get(transaction, number) for number in sorted(numbers))
        return [one.settled for one in found if one is not None and one.settled is not None]

    def open_for_names(self, transaction: lmdb.Transaction[bytes], opened: Opened) -> int:
        """Open an incident that holds nothing: its bounces wait for DNS. Tells its number."""
        number = self._history.journal.append(transaction, opened)
        transaction.put(octets_of(number), octets_of(0), db=self._incidents)
        series = Incident(number, opened).series
        self._history.window.stand(transaction, series, Standing(0, number))
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

    def _open(
        self, transaction: lmdb.Transaction[bytes], opened: Opened, guard: Guard, fold: Fold
    ) -> Incident:
        history = self._history
        number = history.journal.append(transaction, opened)
        incident = Incident(number, opened)
        seconds = opened.window or guard.window
        watched = history.window.events(transaction, incident.series, opened.time, seconds)
        events = [n for n in watched if not history.rulings.is_held(transaction, n)]
        for start in range(0, len(events), MOST_EVENTS):
            portion = tuple(events[start : start + MOST_EVENTS])
            ruling = Ruling("hold", portion, opened.time, GUARD, incident=number)
            history.rule(transaction, ruling, fold)
        transaction.put(octets_of(number), octets_of(0), db=self._incidents)
        history.window.stand(transaction, incident.series, Standing(0, number))
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
