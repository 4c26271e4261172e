"""What changes the tables that follow from the journal, each change within a transaction.

All who change them come here: the return path with a bounce, operators and lists with acts, the
guard and DNS with rulings. On a machine of its own a change takes effect at once. Where several
machines share one index, the same changes wait in the outbox until the log has ordered them
(`bouncegate.store.waiting`), and then take effect at once, on every machine
(`bouncegate.store.immediate`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from bouncegate.policy.fold import Fold, Policy
from bouncegate.policy.records import Act, Audit, Delivered, Opened, Ruling, Settled
from bouncegate.store.change import Standing
from bouncegate.store.effects import Recorded
from bouncegate.store.incidents import Incident
from bouncegate.store.intake import Encoded
from bouncegate.store.table import Transaction


class Changes(Protocol):
    """The changes; each method works in the caller's transaction and raises lmdb.Error."""

    def record(self, transaction: Transaction, bounce: Encoded, policy: Policy) -> list[Recorded]:
        """Record a bounce; one outcome for each of its events."""
        ...

    def act(
        self,
        transaction: Transaction,
        acts: Iterable[Act | Delivered],
        fold: Fold,
        audit: Audit | None = None,
    ) -> list[str]:
        """Carry out acts and deliveries, in order; returns the addresses that are left out.

        Those are the ones that do not meet the condition of an act.
        """
        ...

    def rule(
        self,
        transaction: Transaction,
        ruling: Ruling,
        fold: Fold,
        standing: Standing,
        audit: Audit | None = None,
    ) -> int:
        """Let a ruling take effect on those of its events that are so; returns how many."""
        ...

    def settle(
        self, transaction: Transaction, settlement: Settled, fold: Fold, audit: Audit | None = None
    ) -> Incident | None:
        """Settle an incident, or as much of it as one transaction should; None: go on."""
        ...

    def open_for_names(self, transaction: Transaction, opened: Opened) -> int:
        """Open the incident of our name servers; returns its number."""
        ...

    def note(self, transaction: Transaction, audit: Audit | None) -> None:
        """Write the record of a change that was made elsewhere."""
        ...
