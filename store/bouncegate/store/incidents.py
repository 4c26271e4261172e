"""Incidents: the guard's findings, from the bounce that trips it until they are settled.

    incidents  number of the `Opened` entry -> number of the `Settled` one, 0 while it is open

While an incident is open, hard bounces of its series are held if their addresses were known before:
kept, but not counted. Those of its window that had counted when it opened are held as well, in the
transaction that records the bounce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bouncegate.policy.fold import Fold
from bouncegate.policy.guard import Guard, Series, Watched
from bouncegate.policy.known import Known, known
from bouncegate.policy.records import MOST_EVENTS, Event, Opened, Ruling, Settled, State
from bouncegate.policy.slidingwindow import Counted
from bouncegate.policy.unconfirmed import OURS
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.intake import Weighed
from bouncegate.store.layout import INCIDENTS
from bouncegate.store.table import Table, Transaction
from bouncegate.store.window import SeriesState, counted

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


class Incidents(Table):
    """Incidents by number, and what the guard does with them."""

    def __init__(self, environment: Environment, history: History, *, judges: bool = True) -> None:
        """Without `judges`, a bounce opens no incident by itself: a change of the log does."""
        super().__init__(environment)
        self._incidents = self._database(INCIDENTS)
        self._history = history
        self._judges = judges

    def admit(
        self,
        transaction: Transaction,
        weighed: Weighed,
        before: State,
        guard: Guard,
        fold: Fold,
    ) -> Admission:
        """Whether a bounce that would count is to be held; opens incidents by it."""
        event = weighed.event
        is_known = known(event, before, weighed.mailed, guard.known_after)
        watched = tuple(guard.watched(event, is_known))
        sure = is_known is Known.YES
        held, changes = 0, []
        for one in watched:
            quiet, incident = self._history.window.state(transaction, one.series)
            if not self._judges:
                pass
            elif not incident and quiet:
                state_of_series = SeriesState(quiet - 1, 0)
                self._history.window.put_state(transaction, one.series, state_of_series)
            elif not incident:
                found = self._judge(transaction, one, event, guard, sure=sure)
                if found is not None:
                    changes.append(self._open(transaction, found, guard, fold))
                    incident = changes[-1].number
            held = held or incident
        return Admission(held, changes, watched, sure)

    def _judge(
        self,
        transaction: Transaction,
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
        opened, quiet = finding(guard, series, bounces, event.time)
        if opened is None:
            window.put_state(transaction, series, SeriesState(quiet, 0))
        return opened

    def _looked_at(
        self, transaction: Transaction, incident: Incident, guard: Guard, now: int
    ) -> tuple[int, int]:
        """(how many addresses bounce in the window that ends now, how many bounces are new).

        New are those that came since the last look, whenever they happened: while the news of an
        outage still comes in, it is not over.
        """
        window, series = self._history.window, incident.series
        bounces = window.all(transaction, series)
        seen, number = window.state(transaction, series)
        if len(bounces) != seen:
            window.put_state(transaction, series, SeriesState(len(bounces), number))
        return guard.within(series, bounces, now), max(len(bounces) - seen, 0)

    # -- what is known -----------------------------------------------------------------------

    def all(self) -> list[Incident]:
        """All incidents, in the order in which they opened."""
        with self._reading() as transaction:
            return list(self._all(transaction))

    def held(self, incident: int) -> list[int]:
        """The events that are held for an incident which is open; none once it is settled."""
        with self._reading() as transaction:
            return self._history.rulings.held_for(transaction, incident)

    # -- within a transaction of the caller's ------------------------------------------------

    def open(self, transaction: Transaction, opened: Opened, guard: Guard, fold: Fold) -> None:
        """Open an incident that was found elsewhere.

        Not where one of its series is open, or was settled after that was found.
        """
        known = [i for i in self._all(transaction) if i.series == Incident(0, opened).series]
        if all(i.settled is not None and i.settled.time < opened.time for i in known):
            self._open(transaction, opened, guard, fold)

    def open_ones(self, transaction: Transaction) -> list[Incident]:
        """Those that are open."""
        return [incident for incident in self._all(transaction) if incident.settled is None]

    def open_for_names(self, transaction: Transaction, opened: Opened) -> int:
        """Open the incident of our name servers, unless it is open; returns its number.

        It holds nothing: its bounces wait for DNS.
        """
        for one in self.open_ones(transaction):
            if one.series == Incident(0, opened).series:
                return one.number
        number = self._history.journal.append(transaction, opened)
        transaction.put(octets_of(number), octets_of(0), db=self._incidents)
        series = Incident(number, opened).series
        self._history.window.put_state(transaction, series, SeriesState(0, number))
        return number

    def over(self, transaction: Transaction, guard: Guard, now: int) -> list[Settled]:
        """The settlements of incidents after which deliveries have succeeded again."""
        return [
            closed_by_guard(incident.number, now)
            for incident in self.open_ones(transaction)
            if incident.opened.provider != OURS and self._is_over(transaction, incident, guard, now)
        ]

    def _is_over(
        self, transaction: Transaction, incident: Incident, guard: Guard, now: int
    ) -> bool:
        found = self._looked_at(transaction, incident, guard, now)
        return guard.recovered(incident.series, max(found), now, incident.opened)

    def settle_some(
        self, transaction: Transaction, settlement: Settled, fold: Fold
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
            self._history.window.put_state(transaction, incident.series, SeriesState(0, 0))
        held = self._history.rulings.held_for(transaction, number, MOST_EVENTS)
        if held:
            self._history.rule(transaction, _ruling(decided, held), fold)
        return None if len(held) == MOST_EVENTS else incident._replace(settled=decided)

    def half_settled(self, transaction: Transaction) -> list[Settled]:
        """The settlements of incidents for which events are held all the same.

        Whoever settled them was interrupted. Reads all that is held.
        """
        numbers = self._history.rulings.incidents(transaction)
        found = (self.get(transaction, number) for number in sorted(numbers))
        return [one.settled for one in found if one is not None and one.settled is not None]

    def get(self, transaction: Transaction, number: int) -> Incident | None:
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

    def _all(self, transaction: Transaction) -> Iterator[Incident]:
        with transaction.cursor(self._incidents) as cursor:
            numbers = list(cursor.iternext(values=False)) if cursor.first() else []
        for octets in numbers:
            incident = self.get(transaction, number_of(octets))
            if incident is not None:
                yield incident

    def _open(self, transaction: Transaction, opened: Opened, guard: Guard, fold: Fold) -> Incident:
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
        history.window.put_state(transaction, incident.series, SeriesState(0, number))
        return incident


def finding(
    guard: Guard, series: Series, bounces: Sequence[Counted], time: int
) -> tuple[Opened | None, int]:
    """What bounces of a series open, if they are too many; else how many more need no count."""
    excess, quiet = guard.judge(series, bounces, time)
    if excess is None:
        return None, quiet
    span, addresses, limit = excess
    seconds = 0 if span.seconds == guard.window else span.seconds
    return Opened(time, series.provider, series.reason, addresses, limit, seconds), 0


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
