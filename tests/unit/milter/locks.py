"""Locks put straight into a real store, as tests need them: any kind, any end."""

import time
from pathlib import Path

from bouncegate.config.settings import StoreSettings
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.policy.records import Lock, Origin
from bouncegate.store import lockrecord
from bouncegate.store.layout import LOCKS, open_environment

YEAR = 365 * 86_400


def lock_of(until: int) -> Lock:
    """A lock as the first hard bounce makes it."""
    return Lock(
        kind=Kind.HARD,
        category=Category.ADDRESS,
        reason=Reason.USER_UNKNOWN,
        origin=Origin.AUTOMATIC,
        since=until - YEAR,
        until=until,
        cause=1,
    )


def put_locks(store: Path, *keys: str, until: int | None = None, group: str = "") -> None:
    """Lock addresses (canonical) or `@domain`s; for another year unless told otherwise."""
    store.mkdir(exist_ok=True)
    lock = lock_of(until or int(time.time()) + YEAR)
    record = lockrecord.pack(None, {group: lock}) if group else lockrecord.pack(lock)
    environment = open_environment(StoreSettings(path=store), readonly=False)
    locks = environment.open_db(LOCKS)
    with environment.begin(write=True, db=locks) as transaction:
        for key in keys:
            transaction.put(key.encode(), record)
    environment.close()
