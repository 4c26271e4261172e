"""The store: opens the environment, names its tables, and does what spans several of them.

Twenty-eight databases in one environment, changed together in one transaction or not at all. Each
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
    meta                      the number of the layout                 layout
                              how far sources have been read           meta
                              the last trusted time                    clock
                              how many addresses are on which list     summary

`addresses` and `locks` follow from `journal`: each is the fold of an address's entries, without the
events that are void or held.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

import lmdb
from msgspec.structs import replace

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.clock import Moment
from bouncegate.policy.conditions import is_met, subject_of
from bouncegate.policy.fold import EMPTY, Fold, Policy
from bouncegate.policy.records import MOST_EVENTS, Act, Audit, Delivered, Ruling
from bouncegate.store.arrivals import Arrivals
from bouncegate.store.audit import Audits
from bouncegate.store.clock import ClockRecord
from bouncegate.store.deliverylog import DeliveryLog
from bouncegate.store.domainbounces import DomainBounces
from bouncegate.store.effects import Effects, Recorded
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreLayout
from bouncegate.store.history import Effect, History
from bouncegate.store.hourcounts import HourCounts
from bouncegate.store.incidents import Incident, Incidents
from bouncegate.store.intake import Bounce, Encoded, Intake
from bouncegate.store.lastmailed import LastMailed
from bouncegate.store.layout import DATABASES, open_environment
from bouncegate.store.lists import Lists
from bouncegate.store.messages import Messages
from bouncegate.store.meta import Progress
from bouncegate.store.mx import MxCache
from bouncegate.store.openenvironment import OpenEnvironment
from bouncegate.store.places import Places
from bouncegate.store.purge import Purge
from bouncegate.store.recording import Recording
from bouncegate.store.requests import UnlockRequests
from bouncegate.store.retention import Retention
from bouncegate.store.summary import KeptSummary
from bouncegate.store.table import Transaction
from bouncegate.store.unconfirmed import Unconfirmed
from bouncegate.store.unproven import Quotas, Unproven
from bouncegate.store.writerlock import WriterLock

__all__ = ["Acted", "Bounce", "Effect", "Incident", "Recorded", "Store"]


class Acted(NamedTuple):
    """What became of acts."""

    held: float
    """How long the write lock was held, in seconds."""
    left_out: tuple[str, ...]
    """The addresses that did not meet the condition of an act."""


class Store(OpenEnvironment):
    """All tables of one environment, by name."""

    def __init__(self, environment: Environment, writer_lock: WriterLock | None = None) -> None:
        """Use an environment that is open; `writer_lock` is held until `close`."""
        super().__init__(environment, DATABASES, writer_lock)
        try:
            self.history: Final = History(environment)
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
            self.incidents: Final = Incidents(environment, self.history, self.audits)
            self.intake: Final = Intake(self.history, self.messages, self.lastmailed)
            room = (environment, self.history, self.messages, self.hourcounts)
            self.unproven: Final = Unproven(*room)
            self.set_aside: Final = Unproven(*room, set_aside=True)
            quotas = Quotas(self.unproven, self.set_aside)
            self.effects: Final = Effects(
                environment, self.history, self.incidents, self.hourcounts, quotas
            )
            self.recording: Final = Recording(self.intake, self.effects)
            self.deliverylog: Final = DeliveryLog(
                environment, self.history, self.recording, self.effects, self.unproven
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
        except lmdb.NotFoundError as error:
            raise StoreLayout(
                f"{self._path}: made by an earlier version: start the return path once, which "
                f"adds the missing tables ({error})"
            ) from None

    @classmethod
    def open(cls, settings: StoreSettings, *, readonly: bool = False) -> Self:
        """Open the store, and make it unless `readonly`; raises StoreError."""
        writer_lock = None if readonly else WriterLock.shared(settings.path)
        try:
            return cls(open_environment(settings, readonly=readonly), writer_lock)
        except BaseException:
            if writer_lock is not None:
                writer_lock.release()
            raise

    @property
    def environment(self) -> Environment:
        """For whoever reads several of its tables at one moment."""
        return self._environment

    # -- acts that span tables ---------------------------------------------------------------

    def record(self, bounces: Iterable[Bounce], policy: Policy) -> list[list[Recorded]]:
        """Record DSNs, all in one transaction: durable when this returns.

        One list of outcomes for each bounce, one outcome for each of its events. Raises StoreError,
        and ValueError or OverflowError for what no record can hold; then none of them is recorded.
        """
        encoded = [(bounce, Encoded.of(bounce)) for bounce in bounces]
        with self._writing() as transaction:
            outcomes = []
            for bounce, octets in encoded:
                outcomes.append(self.recording.record(transaction, octets, policy))
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
        left_out: list[str] = []
        with self._writing() as transaction:
            began = time.monotonic()
            key = self.audits.note(transaction, audit)
            for given in acts:
                act = given
                if isinstance(given, Act):
                    act = self._those_that_meet(
                        transaction, replace(given, audit=key or given.audit)
                    )
                    left_out.extend(sorted({*given.addresses} - {*act.addresses}))
                if act.addresses:
                    self._carry_out(transaction, act, fold)
            if progress is not None:
                self.progress.put(transaction, *progress)
        return Acted(time.monotonic() - began, tuple(left_out))

    def _those_that_meet(self, transaction: Transaction, act: Act) -> Act:
        """The act on the addresses that meet its condition."""
        seen = act.seen or (0,) * len(act.addresses)
        met = [
            (address, number)
            for address, number in zip(act.addresses, seen, strict=True)
            if is_met(
                act,
                number,
                self.addresses.get_within(transaction, subject_of(act, address)) or EMPTY,
            )
        ]
        numbers = tuple(number for _, number in met) if act.seen else ()
        return replace(act, addresses=tuple(address for address, _ in met), seen=numbers)

    def _carry_out(self, transaction: Transaction, act: Act | Delivered, fold: Fold) -> None:
        number = self.journal.append(transaction, act)
        for address in sorted(act.addresses):  # in order, pages are filled to the brim
            self.history.apply(transaction, address, number, act, fold)
        if isinstance(act, Act) and act.verb in ("unlock", "alive"):
            self.lastmailed.touch(transaction, act.addresses, act.time)

    def void(
        self, numbers: Iterable[int], ruling: Ruling, fold: Fold, audit: Audit | None = None
    ) -> int:
        """Leave every address as if these events had never come; returns how many that were.

        `ruling` says by whom, when and why. Many events take several transactions, of some tens of
        milliseconds; each is whole in itself, and what is void already is passed over, so that
        one that was interrupted is finished by another. Raises StoreError.
        """
        wanted, total = sorted(numbers), 0
        is_void = self.history.rulings.is_void
        for start in range(0, len(wanted), MOST_EVENTS):
            portion = wanted[start : start + MOST_EVENTS]
            with self._writing() as transaction:
                kept = [n for n in portion if self.journal.exists(transaction, n)]
                fresh = tuple(n for n in kept if not is_void(transaction, n))
                if fresh:
                    key = self.audits.note(transaction, audit)
                    ruling = replace(ruling, numbers=fresh, audit=key)
                    self.history.rule(transaction, ruling, fold)
            total += len(fresh)
        return total

    def note(self, audit: Audit) -> None:
        """Write the record of a change that was made elsewhere, such as to a file.

        Raises StoreError.
        """
        with self._writing() as transaction:
            self.audits.note(transaction, audit)

    def accept_clock(self, now: Moment, audit: Audit) -> None:
        """Trust the clock as it is, as an operator says. Raises StoreError."""
        with self._writing() as transaction:
            self.audits.note(transaction, audit)
            self.clock.accept_within(transaction, now)
