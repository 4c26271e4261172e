"""Signs of life that others report: opens, clicks and replies of addresses.

Nothing is written for addresses that never bounced, which most are.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import MOST_ADDRESSES, MOST_TARGETS, Act, Audit
from bouncegate.store.alive import has_bounced, is_aged
from bouncegate.store.store import Store


class Reactions:
    """The addresses of one report, recorded as they are read."""

    def __init__(self, fold: Fold, audit: Audit) -> None:
        """`audit` is the record of the report, without its addresses."""
        self._fold = fold
        self._audit = audit
        self._reached: list[str] = []
        self.recorded = 0
        """Addresses that had bounced: their counts start again."""
        self.freed = 0
        """Addresses whose lock this lifted."""

    def take(self, store: Store, keys: list[str]) -> None:
        """Record those that had bounced, a thousand in each transaction; raises StoreError."""
        audit = self._audit
        aged = [key for key in keys if is_aged(store, key, audit.time)]
        for some in _portions(store, keys):
            act = Act(some, audit.time, "alive", by=audit.by, why=audit.why)
            self.freed += sum(_frees(store, address, act, self._fold) for address in some)
            self.recorded += len(some)
            store.act([act], self._fold, audit=self._so_far(some))
        store.lastmailed.note_alive(aged, audit.time)

    def _so_far(self, some: Iterable[str]) -> Audit:
        """The audit record of this report, which replaces the one before."""
        if self.recorded <= MOST_TARGETS:
            self._reached += some
        whole = len(self._reached) == self.recorded
        targets = tuple(sorted(self._reached)) if whole else ()
        return replace(self._audit, targets=targets, count=self.recorded)


def _portions(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The addresses that had bounced, as many at a time as one act may name."""
    known = (key for key in keys if has_bounced(store.addresses.get(key)))
    while some := tuple(sorted(islice(known, MOST_ADDRESSES))):
        yield some


def _frees(store: Store, address: str, act: Act, fold: Fold) -> bool:
    before = store.addresses.get(address) or EMPTY
    return before.lock is not None and fold(before, 0, act).lock is None
