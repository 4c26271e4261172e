"""The applier: lets what the shared log has ordered take effect in this machine's store.

It alone appends to the journal. Each transaction takes some milliseconds, since a DSN that comes in
waits for it, and holds how far the log has been applied: whoever kills it, it goes on there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bouncegate.cluster.chain import follow, is_blanked
from bouncegate.cluster.log import Head, Log, Row
from bouncegate.cluster.sealing import SealBroken, Sealer
from bouncegate.config.policysettings import PolicySettings
from bouncegate.policy.fold import Policy
from bouncegate.store.change import Change, RulesChange, UnknownChange, decode_change
from bouncegate.store.effects import Recorded
from bouncegate.store.membership import Membership
from bouncegate.store.ordered import Placed
from bouncegate.store.store import Store

_ROWS: Final = 1000
"""How many rows are read at once."""
_SECONDS: Final = 0.005
"""How long a transaction takes, and one change more."""


_BEFORE_RULES: Final = Policy(PolicySettings(), ())
"""Nothing comes before the first rules."""


class Applier:
    """Applies a log to a store that was opened `settled`."""

    def __init__(
        self, store: Store, log: Log, sealer: Sealer, policy: Policy = _BEFORE_RULES
    ) -> None:
        """`policy` is in force until the log says another."""
        self._store = store
        self._log = log
        self._sealer = sealer
        rules = store.rules.get()
        self._policy = policy if rules is None else rules.policy()

    def apply(self, most: int = _ROWS) -> list[Recorded]:
        """Apply the next rows, as many as are read at once; what became of their bounces.

        Raises EngineForked before anything of a log is applied that tells another story; SealBroken
        and UnknownChange at a row that this machine cannot read, which it never passes over;
        EngineError and StoreError.
        """
        outcomes: list[Recorded] = []
        membership = self._store.memberships.get()
        assert membership is not None, "the store is no member"
        rows = self._log.read(membership.position, most)
        follow(Head(membership.position, membership.chain), rows)
        waiting, unreadable = self._placed(rows, membership)
        while waiting:
            portion = _up_to_rules(waiting)
            done = self._store.take_effect(portion, self._policy, _SECONDS)
            outcomes += (one for some in done for one in some)
            if isinstance(change := waiting[len(done) - 1].change, RulesChange):
                self._policy = change.rules.policy()
            del waiting[: len(done)]
        if unreadable is not None:
            raise unreadable
        return outcomes

    def _placed(
        self, rows: Iterable[Row], membership: Membership
    ) -> tuple[list[Placed], Exception | None]:
        """The changes of rows up to the first that cannot be read, and why that cannot."""
        placed: list[Placed] = []
        for row in rows:
            try:
                change = None if is_blanked(row.body) else self._opened(row)
            except (SealBroken, UnknownChange) as error:
                return placed, error
            own = row.seq if row.node == membership.name else 0
            placed.append(Placed(row.position, row.chain, row.at // 1000, change, own))
        return placed, None

    def _opened(self, row: Row) -> Change:
        return decode_change(self._sealer.open_entry(row.node, row.seq, row.body))


def _up_to_rules(waiting: list[Placed]) -> list[Placed]:
    """The next changes up to one that puts other rules into force: they hold behind it."""
    for number, placed in enumerate(waiting, 1):
        if isinstance(placed.change, RulesChange):
            return waiting[:number]
    return waiting
