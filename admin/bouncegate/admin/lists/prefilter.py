"""Prefilters: skip addresses whose key or lock record shows that they cannot match.

Nothing in the store is ordered by reason, domain or time, so a filter that matches little reads
every lock. It reads 20 octets of each, and state and journal only of the addresses that may match.
A prefilter passes too many, never too few: rows are filtered again.
"""

from bouncegate.admin.lists.row import RowFilters
from bouncegate.policy.records import Lock
from bouncegate.store import lockrecord
from bouncegate.store.lists import Prefilter


def key_prefilter(filters: RowFilters) -> Prefilter | None:
    """By domain only; None without such a filter."""
    if not filters.domain:
        return None
    end = f"@{filters.domain}".encode()
    return lambda key, _: key.endswith(end)


def lock_prefilter(filters: RowFilters, now: int, *, ended: bool) -> Prefilter:
    """By the locks of an address; locks that have ended at `now` only with `ended`."""
    of_keys = key_prefilter(filters)
    by_lock = _names_locks(filters)

    def matches(key: bytes, record: bytes) -> bool:
        if of_keys is not None and not of_keys(key, record):
            return False
        if not ended and not lockrecord.may_hold(record, now):
            return False
        if filters.ends_by and lockrecord.free_at(record) > filters.ends_by:
            return False
        return not by_lock or any(filters.matches_lock(lock) for lock in _locks_of(record))

    return matches


def _names_locks(filters: RowFilters) -> bool:
    one = filters
    return any((one.kind, one.category, one.reason, one.origin, one.since, one.until))


def _locks_of(record: bytes) -> list[Lock]:
    whole = lockrecord.unpack(record)
    locks = [] if whole is None else [whole]
    return locks + [lock for _, lock in lockrecord.of_groups(record)]
