"""Counting the lists of one group: their rows are read, since no index is of groups."""

import time
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from bouncegate.admin.lists.census import SOON, Stopped, add_lock, lock_records, slowly
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.policy.addressstate import ALL_MAIL
from bouncegate.store.store import Store
from bouncegate.store.summary import LockCounts

# A row takes some 30 us: pages wait for no longer than a slice.
_SLICE: Final = 200
_NO_END: Final = float("inf")


class GroupSummary(Struct):
    """The addresses of one group; an address with several locks counts once."""

    bounced: int = 0
    """With a bounce in the group."""
    detected: int = 0
    locked: LockCounts = field(default_factory=LockCounts)
    """By locks for the group, and by those that a bounce in it made."""
    one_group: int = 0
    """How many of the locked are locked for single groups alone."""
    ending: LockCounts = field(default_factory=LockCounts)
    """How many of the locked are free within a week by the clock alone."""
    complete: bool = True
    """Whether there was time to read all."""


def count_group(
    store: Store, listing: Listing, group: str, now: int, seconds: float
) -> GroupSummary:
    """Count in slices with pauses, so that other threads go on, for so many seconds at most.

    Raises StoreError.
    """
    found, filters = GroupSummary(), RowFilters(group=group)
    deadline = time.monotonic() + seconds

    def stopped() -> bool:
        return time.monotonic() > deadline

    try:
        for address, *_ in slowly(lock_records(store), time.sleep, stopped, _SLICE):
            if not address.startswith("@"):
                _count(found, [*_of_group(listing, address, group)], now)
        for address in slowly(store.lists.names_bounced(), time.sleep, stopped, _SLICE):
            if listing.bounces_of(address, filters, only_detected=False):
                found.bounced += 1
                found.detected += bool(listing.bounces_of(address, filters, only_detected=True))
    except Stopped:
        found.complete = False
    return found


def _of_group(listing: Listing, address: str, group: str) -> Iterator[Row]:
    return (row for row in listing.locks_of(address) if group in (row.group, row.scope))


def _count(found: GroupSummary, rows: list[Row], now: int) -> None:
    if not rows:
        return
    first = min(rows, key=lambda row: row.scope != ALL_MAIL)
    add_lock(found.locked, first)
    found.one_group += first.scope != ALL_MAIL
    if max(row.until or _NO_END for row in rows) <= now + SOON:
        add_lock(found.ending, first)
