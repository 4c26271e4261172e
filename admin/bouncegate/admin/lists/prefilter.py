"""What a list need not read: addresses whose key or lock record shows that nobody asks for them.

Nothing in the store is ordered by reason, domain or time, so a filter that matches next to nothing
looks at every lock. It looks at 20 octets of each, and reads the state and the journal only for
whom those leave in question. A screen lets too many pass, never too few: rows are judged again.
"""

from bouncegate.admin.lists.row import RowFilters
from bouncegate.policy.records import Lock
from bouncegate.store import lockrecord
from bouncegate.store.lists import Prefilter


def key_prefilter(filters: RowFilters) -> Prefilter | None:
    """By the domain alone, for whoever has bounced; None where that is not asked for."""
    if not filters.domain:
        return None
    end = f"@{filters.domain}".encode()
    return lambda key, _: key.endswith(end)


def lock_prefilter(filters: RowFilters, now: int, *, ended: bool) -> Prefilter:
    """By the locks of an address; those that have ended at `now` count only where `ended`."""
    of_keys = key_prefilter(filters)
    by_lock = _names_locks(filters)

    def matches(key: bytes, record: bytes) -> bool:
        if of_keys is not None and not of_keys(key, record):
            return False
        if not ended and not lockrecord.may_hold(record, now):
            return False
        return not by_lock or any(filters.matches_lock(lock) for lock in _locks_of(record))

    return matches


def _names_locks(filters: RowFilters) -> bool:
    return any(
        (
            filters.kind,
            filters.category,
            filters.reason,
            filters.origin,
            filters.since,
            filters.until,
        )
    )


def _locks_of(record: bytes) -> list[Lock]:
    whole = lockrecord.unpack(record)
    locks = [] if whole is None else [whole]
    return locks + [lock for _, lock in lockrecord.of_groups(record)]
