"""The store: what was recorded, what it adds up to, and the locks that follow.

Twenty-eight databases in one environment, changed together in one transaction or not at all. The
module of each says what it holds:

    journal, by_address, summaries  what came, in order                journal
    addresses, locks          what it adds up to                       states
    shelves, ends             where a list finds its addresses         shelves
    voided, held              which events do not count                rulings
    once                      identity of a bounce -> its number       reception
    messages                  the bounce messages themselves           messages
    watched, series           the hard bounces of the recent past      window
    incidents                 what the guard found                     incidents
    tallies                   bounces that blame the sender, by hour   tallies
    used, used_by_day, invalid  when addresses were last mailed        usage
    mx, mx_hosts, mx_wanted   what DNS tells of domains                exchanges
    deferred, accepted        what Postfix's log told                  trail
    purged                    locks of addresses that were purged      purged
    unproven, set_aside       reports that count for no address        unproven
    audit                     what operators did                       audit
    meta                      the layout's number                      environment
                              how far sources have been read           progress
                              the mark of the clock                    clock

`addresses` and `locks` hold nothing that `journal` does not tell: each is the fold of an
address's entries, without the events that are void or held.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import lmdb
from msgspec.structs import replace

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.clock import Moment
from bouncegate.policy.conditions import is_met, subject_of
from bouncegate.policy.deaddomain import Bounced
from bouncegate.policy.fold import EMPTY, Fold, Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.names import OURS
from bouncegate.policy.records import (
    MOST_EVENTS,
    Act,
    Audit,
    Delivered,
    Entry,
    Event,
    Lock,
    Opened,
    Ruling,
    Settled,
    State,
    Told,
)
from bouncegate.policy.timeline import Mark
from bouncegate.store.arrivals import Arrivals
from bouncegate.store.audit import Audits
from bouncegate.store.clock import ClockRecord
from bouncegate.store.deliverylog import DeliveryLog
from bouncegate.store.domainbounces import bounced
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreLayout
from bouncegate.store.history import History
from bouncegate.store.hourcounts import HourCount, HourCounts
from bouncegate.store.incidents import Incident, Incidents, closed_by_guard
from bouncegate.store.lastmailed import DAY, LastMailed
from bouncegate.store.layout import (
    DATABASES,
    MESSAGES,
    META,
    copy_compacted,
    explained,
    open_environment,
)
from bouncegate.store.lists import Lists
from bouncegate.store.messages import MessageFolder, Messages
from bouncegate.store.meta import Progress
from bouncegate.store.mx import MxCache
from bouncegate.store.purge import Purge
from bouncegate.store.recording import Bounce, Encoded, Recorded, Recording
from bouncegate.store.retention import Retention
from bouncegate.store.space import Space, room_of
from bouncegate.store.table import Table
from bouncegate.store.unconfirmed import Unconfirmed
from bouncegate.store.unproven import Unattributed, Unproven
from bouncegate.store.window import Outdated
from bouncegate.store.writerlock import WriterLock

__all__ = ["Acted", "Bounce", "Effect", "Incident", "Recorded", "Store"]

# How many messages one transaction of `expire_messages` deletes: some milliseconds, so that a
# DSN in hand never waits long for the write lock.
_EXPIRE_AT_ONCE: Final = 500
# Each of these has its place in five tables.
_UNPROVEN_AT_ONCE: Final = 200


class Acted(NamedTuple):
    """What became of acts."""

    held: float
    """How long others had to wait for the write lock meanwhile, in seconds."""
    left_out: tuple[str, ...]
    """The addresses that did not meet the condition of an act."""


class Effect(NamedTuple):
    """What voiding events would do."""

    events: int
    addresses: int
    locks: int
    """How many of those addresses are locked."""
    lifted: int
    """How many of those locks would go; other evidence supports the rest."""


class Store(Table):
    """The whole store, for the return path and the operator."""

    def __init__(self, environment: Environment, settings: StoreSettings) -> None:
        """Use an environment that is open; its databases exist."""
        super().__init__(environment, settings.path)
        self._right: WriterLock | None = None
        try:
            self._history = History(environment)
            self.arrivals: Final = Arrivals(environment, self._history, settings.path)
            self.lists: Final = Lists(environment, self._history, settings.path)
            self.usage: Final = LastMailed(environment, settings.path)
            self._incidents = Incidents(environment, self._history, self.usage)
            self.audits: Final = Audits(environment, self._history.journal, settings.path)
            self._tallies = HourCounts(environment)
            self.retention: Final = Retention(
                environment, self._history, self.audits, self._tallies, settings.path
            )
            self._progress = Progress(environment)
            self.clock: Final = ClockRecord(
                environment, settings.path, environment.open_db(META, create=False)
            )
            messages = environment.open_db(MESSAGES, create=False)
            self._messages = Messages(messages, MessageFolder(settings.path / "messages"))
            self.exchanges: Final = MxCache(environment, settings.path)
            self._reception = Recording(
                environment, self._history, self._incidents, self._messages, self._tallies
            )
            self.trail: Final = DeliveryLog(environment, self._path, self._history, self._reception)
            self.unconfirmed: Final = Unconfirmed(environment, settings.path, self._history)
            self.purge: Final = Purge(
                environment, self._history, self._messages, self.audits, self.trail
            )
        except lmdb.NotFoundError as error:
            raise StoreLayout(
                f"{self._path}: made by an earlier version: start the return path once, which "
                f"adds what is missing ({error})"
            ) from None

    @classmethod
    def open(cls, settings: StoreSettings, *, readonly: bool = False) -> Self:
        """Open the store, and make it unless `readonly`; raises StoreError."""
        right = None if readonly else WriterLock.shared(settings.path)
        try:
            store = cls(open_environment(settings, readonly=readonly), settings)
        except BaseException:
            if right is not None:
                right.give_up()
            raise
        store._right = right
        return store

    def close(self) -> None:
        """Give the map back, and the right to write."""
        self._environment.close()
        if self._right is not None:
            self._right.give_up()

    # -- writing -----------------------------------------------------------------------------

    def record(self, bounces: Iterable[Bounce], policy: Policy) -> list[list[Recorded]]:
        """Take in DSNs, all in one transaction: durable when this returns.

        One list of outcomes for each bounce, one outcome for each of its events. Raises StoreError,
        and ValueError or OverflowError for what no record can hold; then nothing of any of them was
        taken in.
        """
        encoded = [(bounce, Encoded.of(bounce)) for bounce in bounces]
        with self._writing() as transaction:
            outcomes = []
            for bounce, octets in encoded:
                outcomes.append(self._reception.take_in(transaction, octets, policy))
                self.exchanges.want_within(transaction, bounce.domains, bounce.events[0].time)
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
            key = self._audited(transaction, audit)
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
                self._progress.put(transaction, *progress)
        return Acted(time.monotonic() - began, tuple(left_out))

    def _those_that_meet(self, transaction: lmdb.Transaction[bytes], act: Act) -> Act:
        """The act on the addresses that meet its condition."""
        states = self._history.states
        seen = act.seen or (0,) * len(act.addresses)
        met = [
            (address, number)
            for address, number in zip(act.addresses, seen, strict=True)
            if is_met(act, number, states.get(transaction, subject_of(act, address)) or EMPTY)
        ]
        numbers = tuple(number for _, number in met) if act.seen else ()
        return replace(act, addresses=tuple(address for address, _ in met), seen=numbers)

    def _carry_out(
        self, transaction: lmdb.Transaction[bytes], act: Act | Delivered, fold: Fold
    ) -> None:
        number = self._history.journal.append(transaction, act)
        for address in sorted(act.addresses):  # in order, pages are filled to the brim
            self._history.apply(transaction, address, number, act, fold)
        if isinstance(act, Act) and act.verb in ("unlock", "alive"):
            self.usage.touch(transaction, act.addresses, act.time)

    def void(
        self, numbers: Iterable[int], ruling: Ruling, fold: Fold, audit: Audit | None = None
    ) -> int:
        """Leave every address as if these events had never come; tells how many that were.

        `ruling` says by whom, when and why. Many events take several transactions, of some tens of
        milliseconds; each is whole in itself, and what is void already is passed over, so that
        one that was interrupted is finished by another. Raises StoreError.
        """
        wanted, total = sorted(numbers), 0
        for start in range(0, len(wanted), MOST_EVENTS):
            portion = wanted[start : start + MOST_EVENTS]
            with self._writing() as transaction:
                is_void = self._history.rulings.is_void
                kept = self._history.journal.exists
                fresh = tuple(
                    n for n in portion if kept(transaction, n) and not is_void(transaction, n)
                )
                if fresh:
                    key = self._audited(transaction, audit)
                    ruling = replace(ruling, numbers=fresh, audit=key)
                    self._history.rule(transaction, ruling, fold)
            total += len(fresh)
        return total

    def settle(self, settlement: Settled, fold: Fold, audit: Audit | None = None) -> Incident:
        """Settle an incident that exists; tells how it is settled, maybe by somebody else.

        The first transaction decides. Where many events are held it takes several; settling it
        again, or `tend`, finishes what was interrupted. Raises StoreError.
        """
        incident: Incident | None = None
        while incident is None:
            with self._writing() as transaction:
                settlement = replace(settlement, audit=self._audited(transaction, audit))
                incident = self._incidents.settle_some(transaction, settlement, fold)
        return incident

    def open_for_names(self, opened: Opened) -> int:
        """Open the incident of our name servers; tells its number. Raises StoreError."""
        with self._writing() as transaction:
            return self._incidents.open_for_names(transaction, opened)

    def accept_clock(self, now: Moment, audit: Audit) -> None:
        """Trust the clock as it is, as an operator says. Raises StoreError."""
        with self._writing() as transaction:
            self._audited(transaction, audit)
            self.clock.accept_within(transaction, now)

    def _audited(self, transaction: lmdb.Transaction[bytes], audit: Audit | None) -> bytes:
        """Write the record of an operator's change, if there is one; tells its key."""
        if audit is None:
            return b""
        self.audits.put(transaction, audit)
        return audit.key

    def tend(self, policy: Policy, now: int) -> list[Incident]:
        """What is due by the hour: forget what is no longer watched, close incidents that are over.

        Tells what was closed. Raises StoreError.
        """
        guard = policy.guard
        if guard is None:
            return []
        self._forget_watched(guard, now)
        with self._writing() as transaction:
            over = [
                incident.number
                for incident in self._incidents.all(transaction)
                if incident.settled is None
                and incident.opened.provider != OURS
                and self._is_over(transaction, incident, guard, now)
            ]
            interrupted = self._incidents.half_settled(transaction)
        for settlement in interrupted:
            self.settle(settlement, policy.fold)
        return [self.settle(closed_by_guard(number, now), policy.fold) for number in over]

    def _is_over(
        self, transaction: lmdb.Transaction[bytes], incident: Incident, guard: Guard, now: int
    ) -> bool:
        found = self._incidents.looked_at(transaction, incident, guard, now)
        return guard.recovered(incident.series, max(found), now, incident.opened)

    def _forget_watched(self, guard: Guard, now: int) -> None:
        window, kept = self._history.window, guard.reach + DAY
        with self._reading() as transaction:
            left: Outdated | None = window.outdated(transaction, now, kept, DAY)
        while left is not None:
            with self._writing() as transaction:
                left = window.drop(transaction, left)

    def expire_messages(self, before: int) -> int:
        """Delete the bounce messages that came before a time; tells how many. Raises StoreError."""
        total = self._messages.expire_large(before)
        deleted = _EXPIRE_AT_ONCE
        while deleted == _EXPIRE_AT_ONCE:
            with self._writing() as transaction:
                deleted = self._messages.expire(transaction, before, _EXPIRE_AT_ONCE)
            total += deleted
        return total

    def expire_unproven(self, before: int) -> int:
        """Drop the reports that count for no address and came before a time; tells how many.

        Raises StoreError.
        """
        return self._expire(self._reception.unproven, before)

    def expire_set_aside(self, before: int) -> int:
        """The same of messages that were set aside; raises StoreError."""
        return self._expire(self._reception.set_aside, before)

    def _expire(self, quota: Unproven, before: int) -> int:
        total, dropped = 0, _UNPROVEN_AT_ONCE
        while dropped == _UNPROVEN_AT_ONCE:
            with self._writing() as transaction:
                dropped = quota.expire(transaction, before, _UNPROVEN_AT_ONCE)
            total += dropped
        return total

    # -- reading -----------------------------------------------------------------------------

    def progress(self, source: str) -> bytes:
        """How far a source of deliveries has been read; empty where it never was."""
        with self._reading() as transaction:
            return self._progress.get(transaction, source)

    def has_recorded(self, identities: Iterable[bytes]) -> list[bool]:
        """Whether a bounce of each identity has come, counted or not."""
        with self._reading() as transaction:
            return [self._reception.knows(transaction, identity) for identity in identities]

    def state(self, address: str) -> State | None:
        """What is known of an address, or None where nothing is."""
        with self._reading() as transaction:
            return self._history.states.get(transaction, address)

    def entries(self, address: str) -> list[tuple[int, Told]]:
        """The journal of one address, in the order in which it came, void and held events too."""
        with self._reading() as transaction:
            return list(self._history.journal.of_address(transaction, address))

    def account(self, address: str) -> list[tuple[int, Told, Mark]]:
        """The journal of one address, each entry with why it is left out, if it is."""
        mark = self._history.rulings.mark
        with self._reading() as transaction:
            return [
                (number, entry, mark(transaction, number))
                for number, entry in self._history.journal.of_address(transaction, address)
            ]

    def histories(self) -> Iterator[tuple[str, State, Sequence[tuple[int, Told, Mark]]]]:
        """Each address of which anything came: what the store holds, and what it is made of."""
        history = self._history
        with self._reading() as transaction:
            for address, entries in history.journal.by_address(transaction):
                state = history.states.get(transaction, address) or EMPTY
                mark = history.rulings.mark
                yield address, state, [(n, entry, mark(transaction, n)) for n, entry in entries]

    def journal(self, start: int = 1) -> Iterator[tuple[int, Entry]]:
        """All entries from a number on, in the order in which they came."""
        with self._reading() as transaction:
            yield from self._history.journal.entries(transaction, start)

    def purged(self) -> int:
        """How many addresses are locked whose names were purged."""
        with self._reading() as transaction:
            return self._history.states.purged.count(transaction)

    def digest_of_purged(self, address: str) -> bytes | None:
        """What stands for an address if it was purged; None where none ever was."""
        return self._history.states.purged.digest_of(address)

    def last_entry(self) -> int:
        """The number of the last entry of the journal; 0 where there is none."""
        with self._reading() as transaction:
            return self._history.journal.last(transaction)

    def locks(self, start: str = "") -> Iterator[tuple[str, Lock]]:
        """All locks, ended ones too, in the order of their addresses, from `start` on."""
        with self._reading() as transaction:
            yield from self._history.states.locks(transaction, start)

    def lock_records(self, start: str = "") -> Iterator[tuple[str, Lock | None, tuple[Lock, ...]]]:
        """Each address with its lock for all groups and those for single ones, from `start` on."""
        with self._reading() as transaction:
            yield from self._history.states.lock_records(transaction, start)

    def message(self, key: bytes) -> bytes | None:
        """A bounce message as it came, or None where it is no longer kept."""
        with self._reading() as transaction:
            return self._messages.get(transaction, key)

    def find(self, wanted: Callable[[Event], bool]) -> list[int]:
        """The numbers of the events that are wanted and not void: reads the whole journal."""
        with self._reading() as transaction:
            return [
                number
                for number, entry in self._history.journal.entries(transaction)
                if isinstance(entry, Event)
                and wanted(entry)
                and not self._history.rulings.is_void(transaction, number)
            ]

    def bounced(
        self, since: Mapping[str, int], counts: Callable[[Event], bool]
    ) -> dict[str, Bounced]:
        """What the journal tells of domains, each since a time of its own.

        `counts` says which events do. Reads the journal from the earliest of these times on.
        """
        with self._reading() as transaction:
            return bounced(self._history, transaction, since, counts)

    def effect(self, numbers: Collection[int], fold: Fold, now: int) -> Effect:
        """What it would do to void these events."""
        without = frozenset(numbers)
        locks = lifted = 0
        with self._reading() as transaction:
            event = self._history.journal.event
            addresses = {event(transaction, number).address for number in without} - {""}
            for address in addresses:
                lock = (self._history.states.get(transaction, address) or EMPTY).lock
                if lock is not None and lock.in_force(now):
                    left = self._history.fold_of(transaction, address, fold, without).lock
                    locks += 1
                    lifted += left is None or not left.in_force(now)
        return Effect(len(without), len(addresses), locks, lifted)

    def concerned(self, number: int) -> tuple[str, ...]:
        """The addresses that an entry of the journal is about; none if there is no such entry."""
        with self._reading() as transaction:
            return self._history.journal.addresses(transaction, number)

    def incidents(self) -> list[Incident]:
        """All incidents, in the order in which they opened."""
        with self._reading() as transaction:
            return list(self._incidents.all(transaction))

    def held(self, incident: int) -> list[int]:
        """The events that are held for an incident which is open; none once it is settled."""
        with self._reading() as transaction:
            return self._history.rulings.held_for(transaction, incident)

    def events(self, numbers: Iterable[int]) -> Iterator[tuple[int, Event]]:
        """The events of numbers that are known to be events'."""
        with self._reading() as transaction:
            for number in numbers:
                yield number, self._history.journal.event(transaction, number)

    def tallies(self, since: int) -> list[HourCount]:
        """The bounces that blame a sender or prove nothing, of the hour of a time and later."""
        with self._reading() as transaction:
            return list(self._tallies.since(transaction, since))

    def unproven(self) -> int:
        """How many reports are kept that count for no address."""
        with self._reading() as transaction:
            return self._reception.unproven.count(transaction)

    def unattributed(self) -> Unattributed:
        """Which messages the reports may be about that count for no address."""
        with self._reading() as transaction:
            return Unattributed.of(self._reception.unproven.events(transaction))

    def set_aside(self) -> list[tuple[int, Event]]:
        """What is kept of messages that were set aside as broken, the oldest first."""
        with self._reading() as transaction:
            numbers = self._reception.set_aside.numbers(transaction)
            return [
                (number, self._history.journal.event(transaction, number)) for number in numbers
            ]

    def room(self) -> Space:
        """How much of its room the store takes; raises StoreError."""
        with self._reading() as transaction:
            return room_of(self._environment, transaction, self._path, DATABASES)

    def copy(self, target: Path) -> None:
        """Write all of it, as it is at one moment, without free pages, into an empty file.

        Nobody waits for that. What writers free meanwhile is not used again before it is done.
        Raises StoreError.
        """
        copy_compacted(self._environment, target, self._path)

    def check_readers(self) -> int:
        """Free the slots of readers that died; tells how many. Raises StoreError."""
        try:
            return self._environment.reader_check()
        except lmdb.Error as error:
            raise explained(error, self._path) from error
