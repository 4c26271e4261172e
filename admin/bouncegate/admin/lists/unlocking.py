"""The locks that `unlock` is to lift, those that it leaves, and a summary for the operator.

A million rows take 600 MB; the operator sees their number and the first few.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import reduce
from itertools import groupby, islice
from operator import attrgetter, xor
from typing import Final, NamedTuple, get_args

from msgspec.structs import replace

from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.addressstate import ALL_MAIL, locks_at
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.protection import Right, may_cover, right_for
from bouncegate.policy.records import Act, Lock
from bouncegate.store.address import domain_of
from bouncegate.store.bulk import MOST_AT_ONCE
from bouncegate.store.store import Store

_SHOWN: Final = 20
_NAMED: Final = 1000
_ALL: Final = RowFilters()


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


ALL_RIGHTS: Final = frozenset[Right](get_args(Right))


def rights_of_command(*, force: bool, unlock_hard: bool) -> frozenset[Right]:
    """What the command may lift: with force all; `unlock_hard` is the setting."""
    if force:
        return ALL_RIGHTS
    return ALL_RIGHTS - {"complaint"} if unlock_hard else ALL_RIGHTS - {"complaint", "hard"}


class ForceRule:
    """Which locks of an address may not be lifted with some rights, by what is known at `now`."""

    def __init__(self, store: Store, fold: Fold, now: int, rights: Collection[Right]) -> None:
        self._store = store
        self._fold = fold
        self._now = now
        self._rights = frozenset(rights)

    @property
    def lifts_hard(self) -> bool:
        """Whether hard locks may be lifted."""
        return "hard" in self._rights

    def guarded(self, address: str) -> dict[str, Guarded]:
        """The locks that may not be lifted, by scope."""
        if self._rights == ALL_RIGHTS:
            return {}
        locks = locks_at(self._store.addresses.get(address) or EMPTY, self._now)
        found = [Guarded(address, one.lock, covered=False) for one in locks]
        scopes = [one.scope for one in locks]
        if any(may_cover(lock) for _, lock, _ in found):
            for one in locks_at(self._store.history.uncovered(address, self._fold), self._now):
                if one.scope in scopes and one.lock not in (lock for _, lock, _ in found):
                    found.append(Guarded(address, one.lock, covered=True))
                    scopes.append(one.scope)
        # Of two locks of one scope the one that is covered is told: it is what costs reputation.
        return {
            scope: one
            for scope, one in zip(scopes, found, strict=True)
            if right_for(one.lock) not in self._rights
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
        self.kinds: Counter[str] = Counter()
        """The locks to lift by kind and reason."""
        self.scopes: set[str] = set()
        """The scopes of the locks."""
        self.left = 0
        """Addresses with a lock that is left, since it needs force."""
        self.left_for: Counter[Reason] = Counter()
        """The same by the reason of that lock."""
        self.left_by: Counter[Right] = Counter()
        """The same by the right that is missing."""
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
        self.left_by.update({right_for(one.lock) for one in guarded})
        self.first_left += list(guarded)[: _SHOWN - len(self.first_left)]

    def _lifted(self, address: str, rows: list[Row]) -> Iterator[Target]:
        causes: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            assert row.scope is not None, "a row without a lock unlocks nothing"
            causes[row.scope] ^= row.cause
        self.scopes.update(causes)
        self.kinds.update(f"{row.kind}, {row.reason}" for row in rows)
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


class UnlockPlan(NamedTuple):
    """What an unlock of named addresses would do."""

    free: list[Target]
    """The locks that are lifted, in the order of `Target.order`."""
    kept: UnlockSummary
    """What is left, and for which right (`left_by`), with the first of each."""
    domain_only: list[str]
    """Addresses that only the lock of their domain stops."""
    not_locked: list[str]

    def acts(self, act: Act) -> Iterator[Act]:
        """What carries it out."""
        return acts_of(self.free, act)


def plan_unlock(
    store: Store,
    listing: Listing,
    keys: Iterable[str],
    rule: ForceRule,
    filters: RowFilters = _ALL,
) -> UnlockPlan:
    """The plan for named addresses, or for those of their locks that filters select."""
    rows: list[Row] = []
    domain_only: list[str] = []
    not_locked: list[str] = []
    for named in named_locks(store, listing, keys, filters):
        rows += named.rows
        if not named.rows:
            (domain_only if named.only_domain else not_locked).append(named.address)
    summary = UnlockSummary(rule)
    free = sorted(summary.targets(rows), key=Target.order)
    return UnlockPlan(free, summary, domain_only, not_locked)


def plan_unlock_all(listing: Listing, rule: ForceRule, filters: RowFilters) -> UnlockPlan:
    """The plan for all locks that filters select: in memory, 600 octets each."""
    summary = UnlockSummary(rule)
    free = sorted(summary.targets(listing.rows("locked", filters)), key=Target.order)
    return UnlockPlan(free, summary, [], [])


class NamedLocks(NamedTuple):
    """The locks of one address that was named."""

    address: str
    rows: list[Row]
    only_domain: bool
    """Whether it has none, but its domain does."""


def named_locks(
    store: Store, listing: Listing, keys: Iterable[str], filters: RowFilters
) -> Iterator[NamedLocks]:
    """The locks in force of named addresses that filters select."""
    for key in keys:
        rows = [row for row in listing.locks_of(key) if filters.matches(row)]
        yield NamedLocks(key, rows, not rows and listing.is_domain_locked(domain_of(key)))


def acts_of(targets: Iterable[Target], act: Act) -> Iterator[Act]:
    """What lifts these locks, which come group by group."""
    for group, some in groupby(targets, attrgetter("group")):
        while portion := list(islice(some, MOST_AT_ONCE)):
            addresses = tuple(target.address for target in portion)
            seen = tuple(target.seen for target in portion)
            yield replace(act, addresses=addresses, group=group, seen=seen)
