"""Changes of a machine that shares its index: they wait in the outbox until the log orders them.

Each is durable, and binds on this machine, in the transaction that takes it in; to nobody else has
anything happened. What it does in the end is decided where the log has put it, on every machine
alike (`bouncegate.store.ordered`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from msgspec.structs import replace

from bouncegate.policy.conditions import those_that_meet
from bouncegate.policy.fold import EMPTY, Fold, Policy
from bouncegate.policy.records import Act, Audit, Delivered, Event, Opened, Ruling, Settled, State
from bouncegate.store.change import (
    ActsChange,
    BounceChange,
    NamesChange,
    NoteChange,
    RulingChange,
    SettlementChange,
    Standing,
)
from bouncegate.store.effects import Effects, Recorded
from bouncegate.store.incidents import Incident, Incidents
from bouncegate.store.intake import Encoded, Intake, Weighed
from bouncegate.store.outbox import PROVISIONAL
from bouncegate.store.overlay import Overlay
from bouncegate.store.table import Transaction

_ACTS_A_CHANGE: Final = 4
"""Of a hundred addresses each: some twenty milliseconds when they take effect."""


class WaitingChanges:
    """Each change becomes one of the outbox, and shows in the locks of this machine."""

    def __init__(
        self, overlay: Overlay, intake: Intake, effects: Effects, incidents: Incidents
    ) -> None:
        self._outbox = overlay.outbox
        self._overlay = overlay
        self._intake = intake
        self._effects = effects
        self._incidents = incidents

    # -- bounces -----------------------------------------------------------------------------

    def record(self, transaction: Transaction, bounce: Encoded, policy: Policy) -> list[Recorded]:
        """Take a bounce in; one outcome for each of its events, as far as it is known here."""
        known = [self._known_already(transaction, event, policy) for event, _ in bounce.entries]
        fresh = {
            event.identity: self._intake.weigh(transaction, event, octets, policy)
            for (event, octets), earlier in zip(bounce.entries, known, strict=True)
            if earlier is None
        }
        taken = self._take_in(transaction, bounce, list(fresh.values()), policy) if fresh else {}
        return [
            earlier or taken.pop(event.identity, None) or self._twice(transaction, event, policy)
            for (event, _), earlier in zip(bounce.entries, known, strict=True)
        ]

    def _take_in(
        self, transaction: Transaction, bounce: Encoded, fresh: list[Weighed], policy: Policy
    ) -> dict[bytes, Recorded]:
        if self._is_too_much(transaction, fresh, policy):
            nothing = (EMPTY, EMPTY)
            return {one.event.identity: Recorded(one.event, 0, False, *nothing) for one in fresh}
        octets = self._intake.keep(transaction, bounce)
        events = tuple(weighed.event for weighed in fresh)
        mailed = tuple(weighed.mailed for weighed in fresh)
        change = BounceChange(events, mailed, octets, bounce.is_set_aside)
        before = [self._state(transaction, event.address, policy.fold) for event in events]
        seq = self._outbox.add(transaction, change)
        taken = list(zip(fresh, before, strict=True))
        if self._overlay.guard.watch(transaction, seq, taken, policy):
            self._overlay.renew_all(transaction, policy.fold)
        outcomes = {}
        for event, was in zip(events, before, strict=True):
            is_ = self._state(transaction, event.address, policy.fold)
            if event.address:
                self._overlay.write(transaction, event.address, is_)
            outcomes[event.identity] = Recorded(event, PROVISIONAL | seq, True, was, is_)
        return outcomes

    def _is_too_much(
        self, transaction: Transaction, fresh: Iterable[Weighed], policy: Policy
    ) -> bool:
        """Whether a bounce proves nothing, and much waits: anyone can send as many as he likes."""
        if any(policy.believes(weighed.event) for weighed in fresh):
            return False
        return self._outbox.count_within(transaction) >= policy.retention.unproven_reports

    def _known_already(
        self, transaction: Transaction, event: Event, policy: Policy
    ) -> Recorded | None:
        earlier = self._effects.known_already(transaction, event)
        if earlier is None and (seq := self._outbox.seq_of(transaction, event.identity)):
            state = self._state(transaction, event.address, policy.fold)
            return Recorded(event, PROVISIONAL | seq, is_new=False, before=state, after=state)
        return earlier

    def _twice(self, transaction: Transaction, event: Event, policy: Policy) -> Recorded:
        """The outcome of an event that its own message has told already."""
        found = self._known_already(transaction, event, policy)
        assert found is not None, "it was taken in a moment ago"
        return found

    def _state(self, transaction: Transaction, address: str, fold: Fold) -> State:
        return self._overlay.state(transaction, address, fold)

    # -- acts --------------------------------------------------------------------------------

    def act(
        self,
        transaction: Transaction,
        acts: Iterable[Act | Delivered],
        fold: Fold,
        audit: Audit | None = None,
    ) -> list[str]:
        """Take acts in, in order; returns the addresses that do not meet their conditions here."""
        key = b"" if audit is None else audit.key
        left_out: list[str] = []
        waiting = iter(acts)
        while True:
            portion = list(islice(waiting, _ACTS_A_CHANGE))
            met: list[Act | Delivered] = []
            for act in portion:
                given = replace(act, audit=key or act.audit) if isinstance(act, Act) else act
                met += self._those_that_meet(transaction, given, fold, left_out)
            if met or audit is not None:
                self._let_wait(transaction, ActsChange(tuple(met), audit), fold)
                audit = None
            if len(portion) < _ACTS_A_CHANGE:
                return left_out

    def _those_that_meet(
        self, transaction: Transaction, act: Act | Delivered, fold: Fold, left_out: list[str]
    ) -> list[Act | Delivered]:
        """The act on the addresses that meet its condition, in one act or two."""
        if isinstance(act, Delivered):
            return [act]
        state = self._overlay.state
        met = those_that_meet(act, lambda address: state(transaction, address, fold))
        left_out.extend(sorted({*act.addresses} - {*met.addresses}))
        unsettled = [n for n, seen in enumerate(met.seen) if seen & PROVISIONAL]
        return [one for one in _parted(met, unsettled) if one.addresses]

    def _let_wait(self, transaction: Transaction, change: ActsChange, fold: Fold) -> None:
        self._outbox.add(transaction, change)
        for address in sorted({name for act in change.acts for name in act.addresses}):
            self._overlay.renew(transaction, address, fold)

    # -- rulings and settlements -------------------------------------------------------------

    def rule(
        self,
        transaction: Transaction,
        ruling: Ruling,
        fold: Fold,
        standing: Standing,
        audit: Audit | None = None,
    ) -> int:
        """Let a ruling wait; returns how many events it names."""
        if ruling.numbers:
            key = b"" if audit is None else audit.key
            ruling = replace(ruling, audit=key)
            self._outbox.add(transaction, RulingChange(ruling, standing, audit))
        return len(ruling.numbers)

    def settle(
        self, transaction: Transaction, settlement: Settled, fold: Fold, audit: Audit | None = None
    ) -> Incident | None:
        """Let a settlement wait; returns the incident as it will be, unless another was first."""
        incident = self._incidents.get(transaction, settlement.incident)
        assert incident is not None, f"there is no incident {settlement.incident}"
        if incident.settled is not None:
            return incident
        self._outbox.add(transaction, SettlementChange(settlement, audit))
        return incident._replace(settled=settlement)

    def close_incidents(self, transaction: Transaction, policy: Policy, now: int) -> None:
        """Let the settlements of incidents that are over wait."""
        if policy.guard is not None:
            for settlement in list(self._overlay.guard.over(transaction, policy.guard, now)):
                self._outbox.add(transaction, SettlementChange(settlement))

    def open_for_names(self, transaction: Transaction, opened: Opened) -> int:
        """Let the finding wait; returns its provisional number."""
        return PROVISIONAL | self._outbox.add(transaction, NamesChange(opened))

    def note(self, transaction: Transaction, audit: Audit | None) -> None:
        """Let the record of a change wait."""
        if audit is not None:
            self._outbox.add(transaction, NoteChange(audit))


def _parted(act: Act, unsettled: list[int]) -> list[Act]:
    """An act as it is and, apart, on the addresses whose locks have no lasting number yet.

    What was seen of those is named by the seq of a change that waits, which no other machine knows.
    It was there a moment ago, in this transaction; an act frees from no lock that is younger.
    """
    if not unsettled:
        return [act]
    apart = set(unsettled)
    rest = [n for n in range(len(act.addresses)) if n not in apart]
    return [
        replace(
            act,
            addresses=tuple(act.addresses[n] for n in rest),
            seen=tuple(act.seen[n] for n in rest),
        ),
        replace(
            act,
            addresses=tuple(act.addresses[n] for n in unsettled),
            seen=(),
            condition="",
        ),
    ]
