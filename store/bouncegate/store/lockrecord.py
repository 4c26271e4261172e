"""The binary form of a lock: 20 octets that the send path reads without decoding them whole.

    0  version and origin   1 octet   high nibble version, low nibble origin
    1  kind                 1 octet
    2  category             1 octet
    3  reason               1 octet   `Definition.number`
    4  until                4 octets  seconds since 1970; 0xFFFFFFFF: no end
    8  since                4 octets
    12 cause                8 octets  number of the journal entry

All numbers are little-endian. A lookup that finds a lock needs `until` alone to decide; the
rest is decoded only for a recipient that is refused.
"""

import struct
from typing import Final

from bouncegate.config.taxonomy import REASONS, Category, Kind
from bouncegate.policy.records import Lock, Origin

VERSION: Final = 1
_RECORD: Final = struct.Struct("<BBBBIIQ")
_UNTIL: Final = struct.Struct("<4xI")

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


def pack(lock: Lock) -> bytes:
    """The 20 octets of a lock."""
    return _RECORD.pack(
        VERSION << 4 | _ORIGINS.index(lock.origin),
        _KINDS.index(lock.kind),
        _CATEGORIES.index(lock.category),
        REASONS[lock.reason].number,
        lock.until,
        lock.since,
        lock.cause,
    )


def unpack(record: bytes) -> Lock:
    """The lock that `pack` wrote; raises LockRecordError on anything else."""
    try:
        head, kind, category, reason, until, since, cause = _RECORD.unpack(record)
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
        raise LockRecordError(f"not a lock record: {record.hex()} ({error})") from None


def until_of(record: bytes) -> int:
    """The end of the lock alone, in seconds since 1970."""
    end: int = _UNTIL.unpack_from(record)[0]
    return end
