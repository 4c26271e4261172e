"""Which lock holds a recipient now: its own, or its domain's when its own has ended."""

from collections.abc import Callable

from bouncegate.policy.records import Lock
from bouncegate.store.lockrecord import digest_of, of_group, unpack, until_of


def lock_in_force(
    find: Callable[[bytes], bytes | None],
    key: bytes,
    record: bytes | None,
    now: int,
    group: str = "",
) -> Lock | None:
    """The lock that holds `key`, of which `find` has given `record`; None if none is in force.

    Locks of one group alone hold only where this is the `group` that sends. Raises
    LockRecordError, and what `find` raises.
    """
    if record is None:
        return None
    if now < until_of(record):
        return unpack(record)
    own = of_group(record, digest_of(group)) if group else None
    if own is not None and own.in_force(now):
        return own
    domain = find(key[key.rfind(b"@") :])
    return unpack(domain) if domain is not None and now < until_of(domain) else None
