"""Counting the lists: how many addresses are on each, without a row of any.

A million addresses take some seconds. They are read in slices, each in a transaction of its own,
with pauses as long as the slices, so that a daemon's other tasks go on.
"""

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, TypeVar

from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row
from bouncegate.config.taxonomy import BY_LIST, Kind
from bouncegate.policy.addressstate import ALL_MAIL, has_counted, lock_for
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Lock, Origin
from bouncegate.store.address import domain_of
from bouncegate.store.store import Store
from bouncegate.store.summary import LockCounts, Summary

SOON: Final = 7 * 86_400
"""Locks that end within so many seconds are counted apart."""

Pause = Callable[[float], object]
"""Waits so many seconds, or until it is to stop."""
_T = TypeVar("_T")

_SLICE: Final = 5000
_DOMAINS: Final = 10_000


class Stopped(Exception):
    """The count was to stop before its end."""


class Census:
    """One count of one store."""

    def __init__(
        self, store: Store, listing: Listing, now: int, pause: Pause, stopped: Callable[[], bool]
    ) -> None:
        """Count what is true at `now`; `pause` waits, and `stopped` says whether to give up."""
        self._store = store
        self._listing = listing
        self._now = now
        self._pause = pause
        self._stopped = stopped
        self._summary = Summary(now)
        self._is_domain_locked: Final = lru_cache(_DOMAINS)(self._has_lock)

    def take(self) -> Summary:
        """The summary, without rates; raises StoreError, and Stopped."""
        found = self._summary
        for address, lock, groups in self._slowly(lock_records(self._store)):
            self._count_locks(address, lock, groups)
        index = self._store.lists
        found.bounced = sum(1 for _ in self._slowly(index.names_bounced()))
        never_locked = self._slowly(index.names_never_locked())
        if found.domains:
            never_locked = (name for name in never_locked if not self._is_of_locked(name))
        found.detected += sum(1 for _ in never_locked)
        found.predicted += sum(1 for _ in self._slowly(self._listing.of_dead_domains()))
        found.invalid = sum(1 for _ in self._slowly(self._store.lastmailed.invalid()))
        found.stale = sum(1 for _ in self._slowly(self._listing.stale()))
        return found

    def _count_locks(self, address: str, lock: Lock | None, groups: tuple[Lock, ...]) -> None:
        found, now = self._summary, self._now
        whole = lock if lock is not None and lock.in_force(now) else None
        if address.startswith("@"):
            found.domains += whole is not None
            return
        in_force = [one for one in (whole, *groups) if one is not None and one.in_force(now)]
        if not in_force:
            found.detected += self._is_detected(address)
            return
        add_lock(found.locked, in_force[0])
        if whole is None:
            found.one_group += 1
            found.predicted += not self._is_of_locked(address)
        end = max(one.until for one in in_force)
        if end <= now + SOON:
            add_lock(found.ending, in_force[0])

    def _is_detected(self, address: str) -> bool:
        """Whether bounces count of an address whose locks have ended."""
        state = self._store.addresses.get(address) or EMPTY
        return has_counted(state) and not self._is_of_locked(address)

    def _is_of_locked(self, address: str) -> bool:
        return self._is_domain_locked(domain_of(address))

    def _has_lock(self, domain: str) -> bool:
        state = self._store.addresses.get(f"@{domain}") or EMPTY
        return lock_for(state, self._now, ALL_MAIL) is not None

    def _slowly(self, items: Iterator[_T]) -> Iterator[_T]:
        return slowly(items, self._pause, self._stopped)


def lock_records(store: Store) -> Iterator[tuple[str, Lock | None, tuple[Lock, ...]]]:
    """All locks in slices, each in a transaction of its own; raises StoreError."""
    start = ""
    while True:
        found = list(islice(store.addresses.lock_records(start), _SLICE))
        yield from found
        if len(found) < _SLICE:
            return
        start = f"{found[-1][0]}\0"


def slowly(
    items: Iterator[_T], pause: Pause, stopped: Callable[[], bool], slice_: int = 0
) -> Iterator[_T]:
    """The items in slices, with pauses as long as the slices; raises Stopped.

    `slice_`: how many are in one, if other than usual.
    """
    size = slice_ or _SLICE
    began = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if not number % size:
            if stopped():
                raise Stopped
            pause(time.monotonic() - began)
            began = time.monotonic()


def add_lock(counts: LockCounts, lock: Lock | Row) -> None:
    """Count a lock, or the row of one."""
    if lock.origin is Origin.MANUAL:
        counts.by_hand += 1
    elif lock.origin is Origin.IMPORTED:
        counts.imported += 1
    elif lock.reason in BY_LIST:
        counts.by_list += 1
    elif lock.kind is Kind.COMPLAINT:
        counts.complaint += 1
    elif lock.kind is Kind.HARD:
        counts.hard += 1
    else:
        counts.soft += 1
