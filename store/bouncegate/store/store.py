"""The store: opens the environment, names its tables, and does what spans several of them.

Thirty-five databases in one environment, changed together in one transaction or not at all. Each
table is a module of its own, which documents its databases:

    databases                 hold                                     table
    journal, by_address,      what came, in order                      journal
      summaries
    addresses, locks          what the journal adds up to              addresses
    shelves, ends             which addresses a list has to look at    listindex
    voided, held              which events do not count                rulings
    once                      identity of a bounce -> its number       effects
    messages                  the bounce messages themselves           messages
    watched, series           the hard bounces of the recent past      window
    incidents                 what the guard found                     incidents
    tallies                   bounces that blame the sender, by hour   hourcounts
    used, used_by_day,        when addresses were last mailed          lastmailed
      invalid
    mx, mx_hosts, mx_wanted   what DNS says of domains                 mx
    deferred, accepted        what Postfix's log says of deliveries    deliverylog
    purged                    locks of addresses that were purged      purged
    unproven, set_aside       reports that count for no address        unproven
    audit                     what operators did                       audit
    outbox, outbox_once,      what waits for a shared log to order it  outbox
      outbox_by_address
    outbox_watched,           the hard bounces that wait               waitingguard
      outbox_series
    settled_locks             the locks without what waits             settledaddresses
    requests                  requests to unlock                       requests
    meta                      the number of the layout                 layout
                              which machine of a cluster this is       membership
                              how far sources have been read           meta
                              the last trusted time                    clock
                              how many addresses are on which list     summary

`addresses` and `locks` follow from `journal`: each is the fold of an address's entries, without the
events that are void or held.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, Self

import lmdb
from msgspec.structs import replace

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.clock import Moment
from bouncegate.policy.fold import EMPTY, Fold, Policy
from bouncegate.policy.records import (
    MOST_EVENTS,
    Act,
    Audit,
    Delivered,
    Opened,
    Ruling,
    Settled,
    State,
)
from bouncegate.store.arrivals import Arrivals
from bouncegate.store.audit import Audits
from bouncegate.store.change import Change, GuardChange, PurgeChange, Standing
from bouncegate.store.changes import Changes
from bouncegate.store.clock import ClockRecord
from bouncegate.store.deliverylog import DeliveryLog
from bouncegate.store.domainbounces import DomainBounces
from bouncegate.store.effects import Effects, Recorded
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreLayout
from bouncegate.store.history import Effect, History
from bouncegate.store.hourcounts import HourCounts
from bouncegate.store.immediate import ImmediateChanges
from bouncegate.store.incidents import Incident, Incidents
from bouncegate.store.intake import Bounce, Encoded, Intake
from bouncegate.store.lastmailed import DAY, LastMailed
from bouncegate.store.layout import DATABASES, open_environment
from bouncegate.store.lists import Lists
from bouncegate.store.membership import Memberships, RulesInForce
from bouncegate.store.messages import Messages
from bouncegate.store.meta import Progress
from bouncegate.store.mx import MxCache
from bouncegate.store.openenvironment import OpenEnvironment
from bouncegate.store.ordered import OrderedChanges, Placed
from bouncegate.store.outbox import Outbox
from bouncegate.store.overlay import Overlay
from bouncegate.store.places import Places
from bouncegate.store.purge import OnProgress, Purge
from bouncegate.store.purged import new_salt, read_salt
from bouncegate.store.recording import Recording
from bouncegate.store.requests import UnlockRequests
from bouncegate.store.retention import Retention
from bouncegate.store.settledaddresses import SettledAddresses
from bouncegate.store.summary import KeptSummary
from bouncegate.store.unconfirmed import Unconfirmed
from bouncegate.store.unproven import Quotas, Unproven
from bouncegate.store.waiting import WaitingChanges
from bouncegate.store.waitingguard import WaitingGuard
from bouncegate.store.writerlock import WriterLock

_HOUR: Final = 3600
_PURGED_AT_ONCE: Final = 100
"""Addresses of a purge that take effect in one transaction, where others wait for the log."""
_GUARD: Final = "guard"
"""The hour of which this machine has let what is no longer watched be forgotten."""

__all__ = ["Acted", "Bounce", "Effect", "Incident", "Recorded", "Store"]


class Acted(NamedTuple):
    """What became of acts."""

    held: float
    """How long the write lock was held, in seconds."""
    left_out: tuple[str, ...]
    """The addresses that did not meet the condition of an act."""


class Store(OpenEnvironment):
    """All tables of one environment, by name."""

    def __init__(
        self,
        environment: Environment,
        writer_lock: WriterLock | None = None,
        *,
        settled: bool = False,
    ) -> None:
        """Use an environment that is open; `writer_lock` is held until `close`.

        `settled`: see and write what the shared log has settled alone, where one is shared.
        """
        super().__init__(environment, DATABASES, writer_lock)
        try:
            self.memberships: Final = Memberships(environment)
            self.membership: Final = self.memberships.get()
            self.outbox: Final = Outbox(environment)
            own = SettledAddresses(environment)
            self.history: Final = History(
                environment, addresses=own if settled else None, outbox=self.outbox
            )
            self.journal: Final = self.history.journal
            self.addresses: Final = self.history.addresses
            self.purged: Final = self.addresses.purged
            self.messages: Final = Messages(environment)
            self.hourcounts: Final = HourCounts(environment)
            self.lastmailed: Final = LastMailed(environment)
            self.mx: Final = MxCache(environment)
            self.progress: Final = Progress(environment)
            self.clock: Final = ClockRecord(environment)
            self.audits: Final = Audits(environment, self.journal)
            self.requests: Final = UnlockRequests(environment, self.audits)
            self.incidents: Final = Incidents(environment, self.history, judges=not settled)
            self.intake: Final = Intake(self.history, self.messages, self.lastmailed)
            room = (environment, self.history, self.messages, self.hourcounts)
            self.unproven: Final = Unproven(*room)
            self.set_aside: Final = Unproven(*room, set_aside=True)
            quotas = Quotas(self.unproven, self.set_aside)
            self.effects: Final = Effects(
                environment, self.history, self.incidents, self.hourcounts, quotas
            )
            guard = WaitingGuard(self.outbox, self.history.window, self.incidents)
            overlay = Overlay(own, self.outbox, guard)
            self.rules: Final = RulesInForce(environment)
            immediate = ImmediateChanges(
                self.history,
                Recording(self.intake, self.effects),
                self.incidents,
                self.audits,
                self.lastmailed,
            )
            self.changes: Changes = immediate
            if self.membership is not None and not settled:
                self.changes = WaitingChanges(overlay, self.intake, self.effects, self.incidents)
            self.deliverylog: Final = DeliveryLog(
                environment, self.history, self.changes, self.effects, self.unproven
            )
            self.unconfirmed: Final = Unconfirmed(environment, self.history)
            self.domainbounces: Final = DomainBounces(environment, self.history)
            self.arrivals: Final = Arrivals(environment, self.history)
            self.lists: Final = Lists(environment, self.history)
            self.places: Final = Places(environment, self.history)
            self.summary: Final = KeptSummary(environment)
            self.retention: Final = Retention(
                environment, self.history, self.audits, self.hourcounts
            )
            self.purge: Final = Purge(
                environment, self.history, self.messages, self.audits, self.deliverylog
            )
            self.ordered: Final = OrderedChanges(
                immediate, self.mx, overlay, self.rules, self.purge
            )
        except lmdb.NotFoundError as error:
            raise StoreLayout(
                f"{self._path}: made by an earlier version: start the return path once, which "
                f"adds the missing tables ({error})"
            ) from None

    @classmethod
    def open(
        cls, settings: StoreSettings, *, readonly: bool = False, settled: bool = False
    ) -> Self:
        """Open the store, and make it unless `readonly`; raises StoreError.

        `settled`: as in the constructor.
        """
        writer_lock = None if readonly else WriterLock.shared(settings.path)
        try:
            environment = open_environment(settings, readonly=readonly)
            return cls(environment, writer_lock, settled=settled)
        except BaseException:
            if writer_lock is not None:
                writer_lock.release()
            raise

    @property
    def environment(self) -> Environment:
        """For whoever reads several of its tables at one moment."""
        return self._environment

    @property
    def is_waiting(self) -> bool:
        """Whether changes wait until a shared log has ordered them."""
        return isinstance(self.changes, WaitingChanges)

    def settled(self) -> Self:
        """The same store, as the shared log alone has settled it; itself where none is shared.

        What lets go of old records looks at this: what waits is no business of it.
        """
        return type(self)(self._environment, settled=True) if self.is_waiting else self

    # -- changes -----------------------------------------------------------------------------

    def record(self, bounces: Iterable[Bounce], policy: Policy) -> list[list[Recorded]]:
        """Record DSNs, all in one transaction: durable when this returns.

        One list of outcomes for each bounce, one outcome for each of its events. Raises StoreError,
        and ValueError or OverflowError for what no record can hold; then none of them is recorded.
        """
        encoded = [(bounce, Encoded.of(bounce)) for bounce in bounces]
        with self._writing() as transaction:
            outcomes = []
            for bounce, octets in encoded:
                outcomes.append(self.changes.record(transaction, octets, policy))
                self.mx.want_within(transaction, bounce.domains, bounce.events[0].time)
            return outcomes

    def act(
        self,
        acts: Iterable[Act | Delivered],
        fold: Fold,
        progress: tuple[str, bytes] | None = None,
        audit: Audit | None = None,
    ) -> Acted:
        """Carry out acts and deliveries, all in one transaction.

        An act leaves out the addresses that do not meet its condition: a bounce that came a moment
        ago counts. `progress` is the name of a source and how far it has been read by now; `audit`
        is the record of an operator's change, which is written with it. Raises StoreError; then
        none of them was carried out.
        """
        with self._writing() as transaction:
            began = time.monotonic()
            left_out = self.changes.act(transaction, acts, fold, audit)
            if progress is not None:
                self.progress.put(transaction, *progress)
        return Acted(time.monotonic() - began, tuple(left_out))

    def void(
        self, numbers: Iterable[int], ruling: Ruling, fold: Fold, audit: Audit | None = None
    ) -> int:
        """Leave every address as if these events had never come; returns how many that were.

        `ruling` says by whom, when and why. Many events take several transactions, of some tens of
        milliseconds; each is whole in itself, and what is void already is passed over, so that
        one that was interrupted is finished by another. Raises StoreError.
        """
        return self._rule(replace(ruling, numbers=tuple(sorted(numbers))), fold, "kept", audit)

    def confirm(self, ruling: Ruling, fold: Fold) -> int:
        """Rule on those of the events that wait for DNS still; returns how many that were.

        An operator may have made one void meanwhile, and a purge may have taken it.
        """
        return self._rule(ruling, fold, "unconfirmed")

    def _rule(
        self, ruling: Ruling, fold: Fold, standing: Standing, audit: Audit | None = None
    ) -> int:
        total = 0
        for start in range(0, len(ruling.numbers), MOST_EVENTS):
            some = replace(ruling, numbers=ruling.numbers[start : start + MOST_EVENTS])
            with self._writing() as transaction:
                total += self.changes.rule(transaction, some, fold, standing, audit)
        return total

    def settle(self, settlement: Settled, fold: Fold, audit: Audit | None = None) -> Incident:
        """Settle an incident that exists; returns how it is settled, maybe by somebody else.

        The first transaction decides. Where many events are held it takes several; settling it
        again, or `close_incidents`, finishes what was interrupted.
        """
        incident: Incident | None = None
        while incident is None:
            with self._writing() as transaction:
                incident = self.changes.settle(transaction, settlement, fold, audit)
        return incident

    def open_for_names(self, opened: Opened) -> int:
        """Open the incident of our name servers; returns its number."""
        with self._writing() as transaction:
            return self.changes.open_for_names(transaction, opened)

    def close_incidents(self, policy: Policy, now: int) -> list[Incident]:
        """What is due by the hour: forget what is no longer watched, close incidents that are over.

        Returns what was closed.
        """
        guard = policy.guard
        if guard is None:
            return []
        if isinstance(self.changes, WaitingChanges):
            with self._writing() as transaction:
                self.changes.close_incidents(transaction, policy, now)
                hour = (now // _HOUR).to_bytes(8, "big")
                if self.progress.get_within(transaction, _GUARD) != hour:
                    self.progress.put(transaction, _GUARD, hour)
                    self.outbox.add(transaction, GuardChange(now))
            return []
        self.history.window.expire(now, guard.reach + DAY, DAY)
        with self._writing() as transaction:
            over = self.incidents.over(transaction, guard, now)
            interrupted = self.incidents.half_settled(transaction)
        for settlement in interrupted:
            self.settle(settlement, policy.fold)
        return [self.settle(settlement, policy.fold) for settlement in over]

    def purge_addresses(
        self,
        addresses: AbstractSet[str],
        audit: Audit,
        on_progress: OnProgress = lambda _: None,
    ) -> dict[str, State]:
        """Remove all that is stored about addresses; returns what each is locked by.

        `audit` is the record of this. Raises StoreError.
        """
        if not self.is_waiting:
            return self.purge.carry_out(addresses, audit, on_progress)
        salt, some = read_salt(self._path) or new_salt(), sorted(addresses)
        for start in range(0, len(some), _PURGED_AT_ONCE):
            portion = tuple(some[start : start + _PURGED_AT_ONCE])
            self.propose(PurgeChange(portion, audit, salt))
            on_progress(start + len(portion))
        return {address: self.addresses.get(address) or EMPTY for address in some}

    def propose(self, change: Change) -> None:
        """Let a change wait until the shared log has ordered it; raises StoreError."""
        with self._writing() as transaction:
            self.outbox.add(transaction, change)

    def take_effect(
        self, placed: Sequence[Placed], policy: Policy, seconds: float
    ) -> list[list[Recorded]]:
        """Let the next changes of the shared log take effect, in one transaction.

        One of them at least, and no further one once it has taken so many seconds. Returns of each
        that did what became of its bounces. Raises StoreError; then
        none of them took effect.
        """
        outcomes: list[list[Recorded]] = []
        if isinstance(change := placed[0].change, PurgeChange):
            self.ordered.prepare(change)
            placed = placed[:1]
        with self._writing() as transaction:
            end = time.monotonic() + seconds
            membership = self.memberships.require(transaction, placed[0].position)
            for one in placed:
                if outcomes and isinstance(one.change, PurgeChange):
                    break
                outcomes.append(self.ordered.apply(transaction, one, policy))
                if time.monotonic() >= end:
                    break
            last = placed[len(outcomes) - 1]
            stand = replace(membership, position=last.position, chain=last.chain, heard=last.time)
            self.memberships.put(transaction, stand)
        return outcomes

    def note(self, audit: Audit) -> None:
        """Write the record of a change that was made elsewhere, such as to a file.

        Raises StoreError.
        """
        with self._writing() as transaction:
            self.changes.note(transaction, audit)

    def accept_clock(self, now: Moment, audit: Audit) -> None:
        """Trust the clock as it is, as an operator says. Raises StoreError."""
        with self._writing() as transaction:
            self.changes.note(transaction, audit)
            self.clock.accept_within(transaction, now)
