"""Changes that take effect at once: those of a machine of its own, and those of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from bouncegate.policy.conditions import those_that_meet
from bouncegate.policy.fold import EMPTY, Fold, Policy
from bouncegate.policy.records import Act, Audit, Delivered, Opened, Ruling, Settled
from bouncegate.store.audit import Audits
from bouncegate.store.change import Standing
from bouncegate.store.effects import Recorded
from bouncegate.store.history import History
from bouncegate.store.incidents import Incident, Incidents
from bouncegate.store.intake import Encoded, Weighed
from bouncegate.store.lastmailed import DAY, LastMailed
from bouncegate.store.recording import Recording
from bouncegate.store.table import Transaction


class ImmediateChanges:
    """Each change becomes entries of the journal, and of what follows from it."""

    def __init__(
        self,
        history: History,
        recording: Recording,
        incidents: Incidents,
        audits: Audits,
        lastmailed: LastMailed,
    ) -> None:
        self._history = history
        self._recording = recording
        self._incidents = incidents
        self._audits = audits
        self._lastmailed = lastmailed

    def record(self, transaction: Transaction, bounce: Encoded, policy: Policy) -> list[Recorded]:
        """Record a bounce; one outcome for each of its events."""
        return self._recording.record(transaction, bounce, policy)

    def record_weighed(
        self,
        transaction: Transaction,
        some: Sequence[Weighed],
        octets: int,
        policy: Policy,
        *,
        is_set_aside: bool,
    ) -> list[Recorded]:
        """The same of events that a machine has taken in, with a message of so many octets."""
        aside = is_set_aside
        return self._recording.record_weighed(transaction, some, octets, policy, is_set_aside=aside)

    def act(
        self,
        transaction: Transaction,
        acts: Iterable[Act | Delivered],
        fold: Fold,
        audit: Audit | None = None,
    ) -> list[str]:
        """Carry out acts and deliveries, in order; returns the addresses that are left out."""
        key = self._audits.note(transaction, audit)
        left_out: list[str] = []
        for given in acts:
            act = given
            if isinstance(given, Act):
                act = self._those_that_meet(transaction, replace(given, audit=key or given.audit))
                left_out.extend(sorted({*given.addresses} - {*act.addresses}))
            if act.addresses:
                self._carry_out(transaction, act, fold)
        return left_out

    def _those_that_meet(self, transaction: Transaction, act: Act) -> Act:
        """The act on the addresses that meet its condition."""
        known = self._history.addresses.get_within
        return those_that_meet(act, lambda address: known(transaction, address) or EMPTY)

    def _carry_out(self, transaction: Transaction, act: Act | Delivered, fold: Fold) -> None:
        number = self._history.journal.append(transaction, act)
        for address in sorted(act.addresses):  # in order, pages are filled to the brim
            self._history.apply(transaction, address, number, act, fold)
        if isinstance(act, Act) and act.verb in ("unlock", "alive"):
            self._lastmailed.touch(transaction, act.addresses, act.time)

    def rule(
        self,
        transaction: Transaction,
        ruling: Ruling,
        fold: Fold,
        standing: Standing,
        audit: Audit | None = None,
    ) -> int:
        """Let a ruling take effect on those of its events that are so; returns how many."""
        rulings, journal = self._history.rulings, self._history.journal
        if standing == "kept":
            kept = [n for n in ruling.numbers if journal.exists(transaction, n)]
            left = tuple(n for n in kept if not rulings.is_void(transaction, n))
        else:
            left = tuple(n for n in ruling.numbers if rulings.is_unconfirmed(transaction, n))
        if left:
            key = self._audits.note(transaction, audit)
            self._history.rule(transaction, replace(ruling, numbers=left, audit=key), fold)
        return len(left)

    def settle(
        self, transaction: Transaction, settlement: Settled, fold: Fold, audit: Audit | None = None
    ) -> Incident | None:
        """Settle an incident, or as much of it as one transaction should; None: go on."""
        settlement = replace(settlement, audit=self._audits.note(transaction, audit))
        return self._incidents.settle_some(transaction, settlement, fold)

    def open_for_names(self, transaction: Transaction, opened: Opened) -> int:
        """Open the incident of our name servers; returns its number."""
        return self._incidents.open_for_names(transaction, opened)

    def open(self, transaction: Transaction, opened: Opened, policy: Policy) -> None:
        """Open an incident that the guard of some machine has found."""
        if policy.guard is not None:
            self._incidents.open(transaction, opened, policy.guard, policy.fold)

    def watch_no_longer(self, transaction: Transaction, policy: Policy, now: int) -> None:
        """Forget what is no longer watched."""
        guard = policy.guard
        if guard is not None:
            self._history.window.expire_within(transaction, now, guard.reach + DAY, DAY)

    def note(self, transaction: Transaction, audit: Audit | None) -> None:
        """Write the record of a change that was made elsewhere."""
        self._audits.note(transaction, audit)
