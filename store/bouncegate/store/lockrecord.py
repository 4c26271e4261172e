"""The binary form of an address's locks, which the send path reads without decoding them whole.

The first 20 octets are the lock for all groups:

    0  version and origin   1 octet   high nibble version, low nibble origin
    1  kind                 1 octet
    2  category             1 octet
    3  reason               1 octet   `Definition.number`
    4  until                4 octets  seconds since 1970; 0xFFFFFFFF: no end
    8  since                4 octets
    12 cause                8 octets  number of the journal entry

Without such a lock, the origin is 15 and the end is in 1970. For each lock of one group, 28 octets
follow: a digest of the group's name in 8 octets, and 20 for the lock. So one lookup returns all
locks of an address.

All numbers are little-endian. A lookup that finds a lock needs `until` alone to decide; the
rest is decoded only for a recipient that is refused.
"""

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Category, Kind
from bouncegate.policy.records import Lock, Origin

VERSION: Final = 1
_RECORD: Final = struct.Struct("<BBBBIIQ")
_PARTS: Final = struct.Struct("<4sIIQ")
_UNTIL: Final = struct.Struct("<4xI")
_SIZE: Final = _RECORD.size
_DIGEST: Final = 8
_ITEM: Final = _DIGEST + _SIZE
_NO_ORIGIN: Final = 15
_NO_LOCK: Final = bytes([VERSION << 4 | _NO_ORIGIN]) + bytes(_SIZE - 1)

# Positions are part of the layout: append, never reorder.
_ORIGINS: Final = (Origin.AUTOMATIC, Origin.MANUAL, Origin.IMPORTED)
_KINDS: Final = (Kind.HARD, Kind.SOFT, Kind.NONE, Kind.COMPLAINT)
_CATEGORIES: Final = (
    Category.UNDEFINED,
    Category.ADDRESS,
    Category.SECURITY,
    Category.MAILBOX,
    Category.NETWORK,
    Category.LIMIT,
)
_REASONS: Final = {definition.number: reason for reason, definition in REASONS.items()}


class LockRecordError(ValueError):
    """The octets are no lock record of this version."""


def pack(lock: Lock | None, groups: Mapping[str, Lock] | None = None) -> bytes:
    """The locks of an address: for all groups, and for single ones by their names."""
    record = _NO_LOCK if lock is None else _packed(lock)
    if not groups:
        return record
    return record + b"".join(digest_of(name) + _packed(groups[name]) for name in sorted(groups))


def _packed(lock: Lock) -> bytes:
    return _RECORD.pack(
        VERSION << 4 | _ORIGINS.index(lock.origin),
        _KINDS.index(lock.kind),
        _CATEGORIES.index(lock.category),
        REASONS[lock.reason].number,
        lock.until,
        lock.since,
        lock.cause,
    )


def unpack(record: bytes) -> Lock | None:
    """The lock for all groups that `pack` wrote; raises LockRecordError on anything else."""
    if record.startswith(_NO_LOCK):
        return None
    return _unpacked(record[:_SIZE])


def _unpacked(octets: bytes) -> Lock:
    try:
        head, kind, category, reason, until, since, cause = _RECORD.unpack(octets)
        if head >> 4 != VERSION:
            raise LockRecordError(f"lock record of version {head >> 4}, not {VERSION}")
        return Lock(
            kind=_KINDS[kind],
            category=_CATEGORIES[category],
            reason=_REASONS[reason],
            origin=_ORIGINS[head & 15],
            since=since,
            until=until,
            cause=cause,
        )
    except (struct.error, IndexError, KeyError) as error:
        raise LockRecordError(f"not a lock record: {octets.hex()} ({error})") from None


def of_group(record: bytes, digest: bytes) -> Lock | None:
    """The lock for the group of that digest alone; raises LockRecordError."""
    return next((lock for name, lock in of_groups(record) if name == digest), None)


def of_groups(record: bytes) -> Iterator[tuple[bytes, Lock]]:
    """Each group's digest with its lock; raises LockRecordError."""
    for start in range(_SIZE, len(record), _ITEM):
        item = record[start : start + _ITEM]
        yield item[:_DIGEST], _unpacked(item[_DIGEST:])


# A sender has some ten groups, and the send path asks for one at each locked recipient.
@lru_cache(1024)
def digest_of(group: str) -> bytes:
    """The 8 octets that stand for a group's name."""
    return blake2b(group.encode("utf-8", "replace"), digest_size=_DIGEST).digest()


def until_of(record: bytes) -> int:
    """The end of the lock for all groups, in seconds since 1970; 0 without one."""
    end: int = _UNTIL.unpack_from(record)[0]
    return end


def free_at(record: bytes) -> int:
    """When the last of all locks ends, in seconds since 1970."""
    starts = (0, *range(_SIZE + _DIGEST, len(record), _ITEM))
    ends: list[int] = [_UNTIL.unpack_from(record, start)[0] for start in starts]
    return max(ends)


def parts_of(record: bytes) -> tuple[bytes, int, int, int]:
    """Version, origin, kind, category and reason as they are packed, until, since, and cause."""
    head, until, since, cause = _PARTS.unpack_from(record)
    return head, until, since, cause


def is_of_all(record: bytes) -> bool:
    """Whether it holds a lock for all groups, and no other."""
    return len(record) == _SIZE


def may_hold(record: bytes, now: int) -> bool:
    """Whether a lock may be in force at `now`: those of single groups are not looked at."""
    return until_of(record) > now or len(record) > _SIZE


def reason_number_of(record: bytes) -> int:
    """`Definition.number` of the lock for all groups; 0 without one."""
    return record[3]
