"""Changes that the log has ordered, as they take effect on each machine.

Only here, on a machine that shares its index, is anything written that the journal holds or adds up
to. What a change does depends on nothing but what the log had ordered before it, and on the policy,
so that all machines come to the same tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from bouncegate.policy.fold import Policy
from bouncegate.policy.unconfirmed import awaits_dns
from bouncegate.store.address import domain_of
from bouncegate.store.change import (
    ActsChange,
    BounceChange,
    Change,
    GuardChange,
    NamesChange,
    NoteChange,
    OpenedChange,
    PurgeChange,
    RulesChange,
    RulingChange,
    SettlementChange,
    addresses_of,
)
from bouncegate.store.codec import encode_entry
from bouncegate.store.effects import Recorded
from bouncegate.store.immediate import ImmediateChanges
from bouncegate.store.intake import Weighed
from bouncegate.store.membership import RulesInForce
from bouncegate.store.mx import MxCache
from bouncegate.store.overlay import Overlay
from bouncegate.store.purge import Purge
from bouncegate.store.purged import read_or_make_salt
from bouncegate.store.table import Transaction


class Placed(NamedTuple):
    """A change in its place in the log."""

    position: int
    chain: bytes
    """The log's hash of all entries up to it."""
    time: int
    """When the log ordered it, by the log's clock, in seconds since 1970."""
    change: Change | None
    """None: it was blanked, and does nothing."""
    own: int = 0
    """Its seq in this machine's outbox, where it is one of its own."""


class OrderedChanges:
    """Changes taking effect one after the other, in the order of the log."""

    def __init__(
        self,
        changes: ImmediateChanges,
        mx: MxCache,
        overlay: Overlay,
        rules: RulesInForce,
        purge: Purge,
    ) -> None:
        """All of them see states as the log has settled them."""
        self._rules_in_force = rules
        self._changes = changes
        self._purging = purge
        self._mx = mx
        self.overlay: Final = overlay
        self._carry_out: dict[type[Any], Callable[[Transaction, Any, Policy], list[Recorded]]] = {
            BounceChange: self._bounce,
            ActsChange: self._acts,
            RulingChange: self._ruling,
            SettlementChange: self._settlement,
            NamesChange: self._names,
            OpenedChange: self._opened,
            RulesChange: self._rules,
            PurgeChange: self._purge,
            NoteChange: self._note,
            GuardChange: self._guard,
        }

    def apply(self, transaction: Transaction, placed: Placed, policy: Policy) -> list[Recorded]:
        """Let the next change of the log take effect; returns what became of its bounces."""
        change, outcomes = placed.change, list[Recorded]()
        if change is not None:
            outcomes = self._carry_out[type(change)](transaction, change, policy)
        touched = self.overlay.settled.take_written()
        if placed.own:
            waited = self.overlay.outbox.remove(transaction, placed.own)
            if waited is not None:
                self.overlay.guard.forget(transaction, placed.own, waited)
                touched.update(addresses_of(waited))
        if isinstance(change, _OF_INCIDENTS):
            self.overlay.renew_all(transaction, policy.fold)
        for address in sorted(touched):
            self.overlay.renew(transaction, address, policy.fold)
        return outcomes

    def _bounce(
        self, transaction: Transaction, change: BounceChange, policy: Policy
    ) -> list[Recorded]:
        some = [
            Weighed(event, encode_entry(event), mailed)
            for event, mailed in zip(change.events, change.mailed, strict=True)
        ]
        aside = change.is_set_aside
        outcomes = self._changes.record_weighed(
            transaction, some, change.octets, policy, is_set_aside=aside
        )
        fresh = [outcome for outcome in outcomes if outcome.is_new]
        waiting = [o.event for o in fresh if o.event.address and awaits_dns(o.event)]
        for event in waiting:
            self._mx.want_within(transaction, [domain_of(event.address)], event.time)
        return outcomes

    def _acts(self, transaction: Transaction, change: ActsChange, policy: Policy) -> list[Recorded]:
        self._changes.act(transaction, change.acts, policy.fold, change.audit)
        return []

    def _ruling(
        self, transaction: Transaction, change: RulingChange, policy: Policy
    ) -> list[Recorded]:
        fold, audit = policy.fold, change.audit
        self._changes.rule(transaction, change.ruling, fold, change.standing, audit)
        return []

    def _settlement(
        self, transaction: Transaction, change: SettlementChange, policy: Policy
    ) -> list[Recorded]:
        done = None
        while done is None:
            done = self._changes.settle(transaction, change.settlement, policy.fold, change.audit)
        self.overlay.guard.settled(transaction, done)
        return []

    def _opened(
        self, transaction: Transaction, change: OpenedChange, policy: Policy
    ) -> list[Recorded]:
        self._changes.open(transaction, change.opened, policy)
        return []

    def _rules(
        self, transaction: Transaction, change: RulesChange, _policy: Policy
    ) -> list[Recorded]:
        self._changes.note(transaction, change.audit)
        self._rules_in_force.put(transaction, change.rules)
        return []

    def _names(
        self, transaction: Transaction, change: NamesChange, _policy: Policy
    ) -> list[Recorded]:
        self._changes.open_for_names(transaction, change.opened)
        return []

    def prepare(self, change: PurgeChange) -> None:
        """Do what takes transactions of its own before a purge takes effect; may be repeated."""
        read_or_make_salt(self._purging.folder, change.salt)
        self._purging.prepare(frozenset(change.addresses))

    def _purge(
        self, transaction: Transaction, change: PurgeChange, _policy: Policy
    ) -> list[Recorded]:
        self._purging.remove(transaction, frozenset(change.addresses), change.audit)
        return []

    def _note(
        self, transaction: Transaction, change: NoteChange, _policy: Policy
    ) -> list[Recorded]:
        self._changes.note(transaction, change.audit)
        return []

    def _guard(
        self, transaction: Transaction, change: GuardChange, policy: Policy
    ) -> list[Recorded]:
        self._changes.watch_no_longer(transaction, policy, change.time)
        return []


_OF_INCIDENTS: Final = (OpenedChange, SettlementChange, NamesChange)
"""What the guard holds of that which waits is another after these."""
