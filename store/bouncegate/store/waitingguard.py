"""The guard where bounces come in, on a machine that shares its index.

    outbox_watched, outbox_series  as `watched` and `series`, of the bounces that wait

Too many is found by what the log has settled and what waits here, so also while the log cannot be
reached; the finding goes into the outbox behind the bounce that made it. How much was sent, which
each machine knows otherwise, decides nothing but what a machine finds: what a finding does follows
from where the log has put it. Of what waits, nothing of a series binds here any more then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard, Watched
from bouncegate.policy.known import Known, known
from bouncegate.policy.records import Event, Settled, State
from bouncegate.policy.unconfirmed import OURS, awaits_dns
from bouncegate.store.change import BounceChange, Change, NamesChange, OpenedChange
from bouncegate.store.incidents import Incident, Incidents, closed_by_guard, finding
from bouncegate.store.intake import Weighed
from bouncegate.store.outbox import PROVISIONAL, Outbox
from bouncegate.store.table import Transaction
from bouncegate.store.window import SeriesState, Window, counted, series_of

_EVENTS: Final = 1 << 8
"""More events than one change has."""


class WaitingGuard:
    """What is watched of the bounces that wait."""

    def __init__(self, outbox: Outbox, settled: Window, incidents: Incidents) -> None:
        self._outbox = outbox
        self._settled = settled
        self._incidents = incidents
        self._waiting = outbox.window

    def holds(self, transaction: Transaction, event: Event) -> bool:
        """Whether an event would be held as the next one, or once what was found is ordered."""
        return any(
            self._settled.state(transaction, series).incident
            or self._waiting.state(transaction, series).incident
            for series in series_of(event)
        )

    def watch(
        self,
        transaction: Transaction,
        seq: int,
        taken: list[tuple[Weighed, State]],
        policy: Policy,
    ) -> bool:
        """Watch the events of a change that was put into the outbox; whether they are too many.

        Each comes with what was known of its address before.
        """
        guard, is_found = policy.guard, False
        if guard is None:
            return False
        for place, (weighed, before) in enumerate(taken):
            event = weighed.event
            if not _may_count(event, before, policy):
                continue
            is_known = known(event, before, weighed.mailed, guard.known_after)
            sure = is_known is Known.YES
            for one in guard.watched(event, is_known):
                is_found |= self._judge(transaction, one, event, guard, sure=sure)
                number = seq * _EVENTS + place
                self._waiting.add(transaction, one, event.time, number, sure=sure)
        return is_found

    def _judge(
        self, transaction: Transaction, one: Watched, event: Event, guard: Guard, *, sure: bool
    ) -> bool:
        series = one.series
        quiet, incident = self._waiting.state(transaction, series)
        if incident or self._settled.state(transaction, series).incident:
            return False
        if quiet:
            self._waiting.put_state(transaction, series, SeriesState(quiet - 1, 0))
            return False
        bounces = self._settled.all(transaction, series) + self._waiting.all(transaction, series)
        bounces.append(counted(one, event.time, sure=sure))
        opened, quiet = finding(guard, series, bounces, event.time)
        incident = 0
        if opened is not None:
            incident = PROVISIONAL | self._outbox.add(transaction, OpenedChange(opened))
        self._waiting.put_state(transaction, series, SeriesState(quiet, incident))
        return opened is not None

    def forget(self, transaction: Transaction, seq: int, change: Change) -> None:
        """Watch no longer what has left the outbox."""
        if isinstance(change, BounceChange):
            for place, event in enumerate(change.events):
                self._waiting.remove(transaction, event, seq * _EVENTS + place)
        elif isinstance(change, OpenedChange | NamesChange):
            series = Incident(0, change.opened).series
            self._waiting.put_state(transaction, series, SeriesState(0, 0))

    def settled(self, transaction: Transaction, incident: Incident) -> None:
        """Begin anew with a series whose incident is settled."""
        self._waiting.put_state(transaction, incident.series, SeriesState(0, 0))

    def over(self, transaction: Transaction, guard: Guard, now: int) -> Iterator[Settled]:
        """The settlements of open incidents after which deliveries have succeeded again.

        Bounces that came since the last look count, whenever they happened: while the news of an
        outage still comes in, it is not over.
        """
        for incident in self._incidents.open_ones(transaction):
            series = incident.series
            seen, waits = self._waiting.state(transaction, series)
            if waits:  # until the log has ordered that it is settled
                continue
            bounces = self._settled.all(transaction, series)
            bounces += self._waiting.all(transaction, series)
            self._waiting.put_state(transaction, series, SeriesState(len(bounces), 0))
            most = max(guard.within(series, bounces, now), len(bounces) - seen)
            if incident.opened.provider != OURS and guard.recovered(
                series, most, now, incident.opened
            ):
                self._waiting.put_state(transaction, series, SeriesState(0, PROVISIONAL))
                yield closed_by_guard(incident.number, now)


def _may_count(event: Event, before: State, policy: Policy) -> bool:
    """Whether an event would count as the next one, if the guard did not hold it."""
    counts = policy.disposition(event, before) is Disposition.COUNTS
    return counts and bool(event.address) and not awaits_dns(event)
