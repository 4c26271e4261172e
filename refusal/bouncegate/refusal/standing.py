"""Which lock holds a recipient now: its own, or its domain's when its own has ended."""

from collections.abc import Callable

from bouncegate.policy.records import Lock
from bouncegate.store.lockrecord import unpack, until_of


def lock_in_force(
    find: Callable[[bytes], bytes | None], key: bytes, record: bytes, now: int
) -> Lock | None:
    """The lock that holds `key`, of which `find` has given `record`; None if it has ended.

    Raises LockRecordError, and what `find` raises.
    """
    if now < until_of(record):
        return unpack(record)
    domain = find(key[key.rfind(b"@") :])
    return unpack(domain) if domain is not None and now < until_of(domain) else None
