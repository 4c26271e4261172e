"""How many locks there are of each sort: counted now and then, so that no scrape ever walks them.

A million locks take seconds of the interpreter (`python -m bench counting`). They are walked in
slices, each in a read transaction of its own, so that the store can use its old pages again, with
pauses ten times as long, so that the daemon's other tasks go on.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple

from bouncegate.policy.records import Lock
from bouncegate.store.store import Store

# Some ten milliseconds.
_SLICE: Final = 5000
_PAUSE: Final = 10.0
"""Times the length of the slice before it."""


class Sort(NamedTuple):
    """What locks are counted by."""

    kind: str
    category: str
    reason: str
    origin: str
    scope: str
    """`address`, `domain`, or `group`: of an address, for the mail of one group."""


class LockCount:
    """The last whole count."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """Nothing is counted yet; `clock` tells the seconds since 1970."""
        self._store = store
        self._clock = clock
        self.time = 0.0
        """When the last count was done; 0: none is done yet."""
        self.locks: Counter[Sort] = Counter()
        """Locks in force at that time."""

    def take(self, stop: threading.Event) -> None:
        """Count again, until `stop` is set; raises StoreError."""
        now, locks, start = int(self._clock()), Counter[Sort](), ""
        while not stop.is_set():
            began = time.monotonic()
            slice_ = list(islice(self._store.addresses.lock_records(start), _SLICE))
            for address, lock, groups in slice_:
                if lock is not None and lock.in_force(now):
                    locks[_sort(lock, "domain" if address.startswith("@") else "address")] += 1
                locks.update(_sort(one, "group") for one in groups if one.in_force(now))
            if len(slice_) < _SLICE:
                self.locks, self.time = locks, self._clock()
                return
            start = f"{slice_[-1][0]}\0"
            stop.wait((time.monotonic() - began) * _PAUSE)


def _sort(lock: Lock, scope: str) -> Sort:
    return Sort(lock.kind, lock.category, lock.reason.general, lock.origin, scope)
