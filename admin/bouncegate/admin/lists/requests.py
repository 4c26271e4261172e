"""Requests to unlock, with the locks that they are about, and the plan of an approval."""

from collections.abc import Iterable
from typing import NamedTuple

from bouncegate.policy.addressstate import ScopedLock, locks_at
from bouncegate.policy.conditions import locks_seen
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act
from bouncegate.store.requests import UnlockRequest
from bouncegate.store.store import Store


class OpenRequest(NamedTuple):
    """A request that waits, and the locks in force on its address: none, if it is free by now."""

    number: int
    request: UnlockRequest
    locks: list[ScopedLock]


def open_requests(store: Store, now: int) -> list[OpenRequest]:
    """The requests that wait, the oldest first. Raises StoreError."""
    return [
        OpenRequest(number, one, locks_at(store.addresses.get(one.address) or EMPTY, now))
        for number, one in store.requests.waiting(now)
    ]


def approval(requests: Iterable[OpenRequest], now: int, by: str, why: str) -> list[Act]:
    """The acts that lift what was shown: locks that are made later stay."""
    shown = {one.request.address: [lock for _, lock in one.locks] for one in requests if one.locks}
    if not shown:
        return []
    seen = {address: locks_seen(locks, now) for address, locks in sorted(shown.items())}
    return [
        Act(tuple(seen), now, "unlock", by, why, condition="as-seen", seen=tuple(seen.values()))
    ]
