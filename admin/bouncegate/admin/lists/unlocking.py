"""The locks that `unlock` is to lift, those that it leaves, and a summary for the operator.

A million rows take 600 MB; the operator sees their number and the first few.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import reduce
from itertools import groupby
from operator import attrgetter, xor
from typing import Final, NamedTuple

from bouncegate.admin.lists.row import Row
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.addressstate import ALL_MAIL, locks_at
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.protection import may_cover, needs_force
from bouncegate.policy.records import Lock
from bouncegate.store.store import Store

_SHOWN: Final = 20
_NAMED: Final = 1000


class Target(NamedTuple):
    """A lock to be lifted: that of one group, or without a group all locks of an address."""

    group: str
    address: str
    seen: int
    """The number of the shown locks (`bouncegate.policy.conditions`): later ones stay."""

    def order(self) -> tuple[str, str]:
        """The sort key: by group, then by address."""
        return self.group, self.address


class Guarded(NamedTuple):
    """A lock that is left, since it needs force to be lifted."""

    address: str
    lock: Lock
    covered: bool
    """Whether an operator's lock lies over it."""


class ForceRule:
    """Which locks of an address need force to be lifted, by what is known at `now`."""

    def __init__(self, store: Store, fold: Fold, now: int, *, force: bool, unlock_hard: bool):
        self._store = store
        self._fold = fold
        self._now = now
        self._force = force
        self.unlock_hard: Final = unlock_hard
        """`[policy] unlock_hard`."""

    def guarded(self, address: str) -> dict[str, Guarded]:
        """The locks that may not be lifted, by scope."""
        if self._force:
            return {}
        locks = locks_at(self._store.addresses.get(address) or EMPTY, self._now)
        found = {one.scope: Guarded(address, one.lock, covered=False) for one in locks}
        if any(may_cover(lock) for _, lock, _ in found.values()):
            for one in locks_at(self._store.history.uncovered(address, self._fold), self._now):
                if one.scope in found and one.lock != found[one.scope].lock:
                    found[one.scope] = Guarded(address, one.lock, covered=True)
        return {
            name: one
            for name, one in found.items()
            if needs_force(one.lock, unlock_hard=self.unlock_hard)
        }


class UnlockSummary:
    """What to show of the rows that were read."""

    def __init__(self, rule: ForceRule) -> None:
        self._rule = rule
        self.rows = 0
        """Rows whose locks are to be lifted."""
        self.first: list[Row] = []
        """The first of them, to be shown."""
        self.addresses = 0
        self.names: list[str] = []
        """The first addresses, for a mail or an audit record."""
        self.scopes: set[str] = set()
        """The scopes of the locks."""
        self.left = 0
        """Addresses with a lock that is left, since it needs force."""
        self.left_for: Counter[Reason] = Counter()
        """The same by the reason of that lock."""
        self.first_left: list[Guarded] = []

    def targets(self, rows: Iterable[Row]) -> Iterator[Target]:
        """The locks to lift for these rows, which are grouped by address."""
        for address, of_address in groupby(rows, attrgetter("address")):
            selected = list(of_address)
            guarded = self._rule.guarded(address)
            if not any(row.scope == ALL_MAIL for row in selected):
                scopes = {row.scope for row in selected}
                guarded = {scope: one for scope, one in guarded.items() if scope in scopes}
            self._leave(guarded.values())
            if ALL_MAIL not in {row.scope for row in selected}:
                selected = [row for row in selected if row.scope not in guarded]
            elif guarded:  # what frees for all mail frees each group too
                selected = []
            if selected:
                yield from self._lifted(address, selected)

    def _leave(self, guarded: Collection[Guarded]) -> None:
        if not guarded:
            return
        self.left += 1
        self.left_for.update({one.lock.reason for one in guarded})
        self.first_left += list(guarded)[: _SHOWN - len(self.first_left)]

    def _lifted(self, address: str, rows: list[Row]) -> Iterator[Target]:
        causes: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            assert row.scope is not None, "a row without a lock unlocks nothing"
            causes[row.scope] ^= row.cause
        self.scopes.update(causes)
        self.rows += len(rows)
        self.first += rows[: _SHOWN - len(self.first)]
        self.addresses += 1
        self.names += [address] * (len(self.names) < _NAMED)
        if ALL_MAIL in causes:
            yield Target(ALL_MAIL, address, reduce(xor, causes.values()))
        else:
            yield from (Target(group, address, seen) for group, seen in causes.items())

    @property
    def reasons_left(self) -> str:
        """How many addresses are left for which reason: `2 user-unknown, 1 complaint`."""
        return ", ".join(f"{count} {reason}" for reason, count in self.left_for.most_common())
