"""The chain of a log: a hash of all rows up to one, which tells whether two logs tell the same.

A machine compares it where it stands whenever it connects, and with each batch. An engine that was
restored from a backup, or a promoted standby that lacked the last rows, tells another story from
some position on, and is detected before anything more is applied.

The chain of a row is SHA-256 over the chain before it, position, seq, at (8 octets each, the most
significant first), the SHA-256 of the body, and the node. A body that is *blanked* (`purge`) leaves
its hash: a zero octet and the 32 of the hash. So the chain can be followed over it.
"""

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct
from typing import Final

from bouncegate.cluster.errors import EngineForked
from bouncegate.cluster.log import Head, Log, Row

CHAIN_OCTETS: Final = 32
_PLACE: Final = Struct(">qqq")
_BLANK: Final = b"\0"


def blanked(body: bytes) -> bytes:
    """What is left of a body when it is blanked; a blanked one is left as it is."""
    return body if is_blanked(body) else _BLANK + sha256(body).digest()


def is_blanked(body: bytes) -> bool:
    """Whether only its hash is left. No sealed body begins with a zero octet."""
    return body[:1] == _BLANK and len(body) == 1 + CHAIN_OCTETS


def chain_of(previous: bytes, row: Row) -> bytes:
    """What the chain at a row has to be, by the chain before it; its own is not looked at."""
    place = _PLACE.pack(row.position, row.seq, row.at)
    return sha256(previous + place + blanked(row.body)[1:] + row.node.encode()).digest()


def follow(stand: Head, rows: Iterable[Row]) -> Head:
    """Where a machine stands after rows that come next; raises EngineForked before the first
    that does not continue its chain.
    """
    position, chain = stand
    for row in rows:
        if row.position != position + 1:
            raise EngineForked(f"the log goes from position {position} to {row.position}")
        if row.chain != chain_of(chain, row):
            raise EngineForked(_other_story(position))
        position, chain = row.position, row.chain
    return Head(position, chain)


def verify(log: Log, position: int, chain: bytes) -> None:
    """Compare the log with where a machine stands; raises EngineForked where they differ.

    Where rows follow, the next one must continue the chain, so the row at `position` itself may be
    forgotten. Raises EntriesForgotten where the next one is, EngineAway.
    """
    head = log.head()
    if head.position < position:
        raise EngineForked(
            f"the log ends at position {head.position}, and this machine has applied {position}: "
            "the engine lost its last entries (restored from a backup, or a failover)"
        )
    if head.position == position:
        if head.chain != chain:
            raise EngineForked(_other_story(position))
        return
    follow(Head(position, chain), log.read(position, 1))


def _other_story(position: int) -> str:
    return (
        f"the log has other entries up to position {position} than this machine has applied: "
        "the engine was restored from a backup, replaced, or changed by hand"
    )
