"""What a bounce does: counted once, guarded, blamed on whom it blames, and folded.

All of it follows from the event, from what the machine that took it in had on record of its address
(`bouncegate.store.intake`), and from the entries before it: from no clock, file or other setting
than the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.policy.alarm import sender_of
from bouncegate.policy.disposition import Disposition, spared_as
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import UNCONFIRMED, Event, State
from bouncegate.policy.unconfirmed import awaits_dns
from bouncegate.store.codec import encode_entry, number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.hourcounts import UNVERIFIED, HourCount, HourCounts
from bouncegate.store.incidents import NOT_WATCHED, Incident, Incidents
from bouncegate.store.intake import Weighed
from bouncegate.store.layout import ONCE
from bouncegate.store.table import Table, Transaction
from bouncegate.store.unproven import MOST_OCTETS_SET_ASIDE, MOST_SET_ASIDE, Quotas

_BLAMES_NOBODY: Final = (
    Disposition.UNVERIFIED,
    Disposition.OWN_REFUSAL,
    Disposition.NO_FAILURE,
)

Alert = Incident | HourCount
"""What somebody should know: an incident that opened or closed, or a sender that is blamed for
more bounces an hour than the alarm allows (once, when it goes beyond)."""


class Recorded(NamedTuple):
    """What became of one event."""

    event: Event
    number: int
    """The event's number; that of the earlier one where it had been counted before."""
    is_new: bool
    before: State
    after: State
    alerts: Sequence[Alert] = ()


class Effects(Table):
    """Events taking effect, each identity once."""

    def __init__(
        self,
        environment: Environment,
        history: History,
        incidents: Incidents,
        hourcounts: HourCounts,
        quotas: Quotas,
    ) -> None:
        super().__init__(environment)
        self._once = self._database(ONCE)
        self._history = history
        self._incidents = incidents
        self._hourcounts = hourcounts
        self._unproven, self._set_aside = quotas

    def knows(self, identities: Iterable[bytes]) -> list[bool]:
        """Whether a bounce of each identity has been recorded, counted or not."""
        with self._reading() as transaction:
            return [self.knows_within(transaction, identity) for identity in identities]

    def knows_within(self, transaction: Transaction, identity: bytes) -> bool:
        """Whether a bounce of one identity has been recorded, within a transaction."""
        return transaction.get(identity, db=self._once) is not None

    def known_already(self, transaction: Transaction, event: Event) -> Recorded | None:
        """What became of an event that has been recorded before; None: it has not."""
        earlier = transaction.get(event.identity, db=self._once)
        if earlier is None:
            return None
        state = self._history.addresses.get_within(transaction, event.address) or EMPTY
        return Recorded(event, number_of(earlier), is_new=False, before=state, after=state)

    def apply(self, transaction: Transaction, weighed: Weighed, policy: Policy) -> Recorded:
        """Let an event take effect that was not known already."""
        event, octets, _ = weighed
        state = self._history.addresses.get_within(transaction, event.address) or EMPTY
        disposition = policy.disposition(event, state)
        alerts = self._blame(transaction, event, disposition, policy.alarm.sender_blame)
        counts = disposition is Disposition.COUNTS and bool(event.address)
        if counts and awaits_dns(event):
            event = replace(event, held=UNCONFIRMED)
        admission = NOT_WATCHED
        if policy.guard is not None and counts and not event.held:
            guard, fold = policy.guard, policy.fold
            admission = self._incidents.admit(transaction, weighed, state, guard, fold)
            alerts += admission.changes
        if admission.incident:
            event = replace(event, held=admission.incident)
        if event is not weighed.event:
            octets = encode_entry(event)
        number = self._history.journal.append_encoded(transaction, octets)
        for watched in admission.watched:
            window = self._history.window
            window.add(transaction, watched, event.time, number, sure=admission.sure)
        transaction.put(event.identity, octets_of(number), db=self._once)
        before, after = self._history.apply(transaction, event.address, number, event, policy.fold)
        return Recorded(event, number, True, before, after, alerts)

    def apply_quotas(
        self,
        transaction: Transaction,
        fresh: Sequence[Recorded],
        octets: int,
        policy: Policy,
        *,
        is_set_aside: bool,
    ) -> None:
        """Let what a message brought that counts for no address stand in a quota of its own.

        `fresh` are its events that were not known already, `octets` is what the message takes.
        """
        if is_set_aside:
            for event, number, *_ in fresh:
                self._set_aside.add(transaction, number, event.time, octets)
                self._set_aside.keep_within(transaction, MOST_SET_ASIDE, MOST_OCTETS_SET_ASIDE)
            return
        # The message has a place there too if it is of nothing else, and goes with its last event.
        apart = [outcome for outcome in fresh if not policy.believes(outcome.event)]
        of_message = octets if len(apart) == len(fresh) else 0
        for position, (event, number, *_) in enumerate(apart, 1):
            own = of_message if position == len(apart) else 0
            self._unproven.add(transaction, number, event.time, own)
        if apart:
            most = policy.retention
            size = most.unproven_size.octets
            self._unproven.keep_within(transaction, most.unproven_reports, size)

    def _blame(
        self,
        transaction: Transaction,
        event: Event,
        disposition: Disposition,
        normal: int,
    ) -> list[Alert]:
        """Count what blames the sender or proves nothing; an alert where that is too much."""
        if disposition is Disposition.UNVERIFIED:
            self._hourcounts.add(transaction, UNVERIFIED, event.reason, event.time)
        if disposition in _BLAMES_NOBODY or spared_as(event) is None:
            return []
        tally = self._hourcounts.add(transaction, sender_of(event), event.reason, event.time)
        return [tally] if tally.total == normal + 1 else []
