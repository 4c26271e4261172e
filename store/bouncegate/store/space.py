"""How much room an LMDB environment takes, of what it may take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import lmdb

from bouncegate.store.environment import Environment

_META_PAGES: Final = 2


class Space(NamedTuple):
    """Sizes are in octets."""

    file: int
    """The data file: it never shrinks, but for `bouncegate store compact`."""
    used: int
    """The part of it that holds something; the rest is used again before the file grows."""
    map_size: int
    """How large the file may become."""
    disk_free: int
    readers: int
    """Reader slots in use; one of a process that was killed counts until it is noticed."""
    most_readers: int
    lag: int
    """How many transactions the reader that has read the longest is behind: what they freed is not
    used again before it has ended, and the file grows instead."""
    transactions: int
    """How many there were: the number of the last one."""
    entries: dict[str, int]
    """Of each database."""
    sizes: dict[str, int]
    """The pages of each database, in octets."""

    @property
    def fill(self) -> float:
        """The share of the map that is in use."""
        return self.used / self.map_size

    @property
    def free(self) -> int:
        """What is used again before the file grows, but for what a reader still holds."""
        return max(0, self.file - self.used)


def space_of(
    environment: Environment,
    transaction: lmdb.Transaction[bytes],
    path: Path,
    databases: Iterable[bytes],
) -> Space:
    """The figures of an environment whose databases exist, as a transaction of it sees them.

    Raises lmdb.Error.
    """
    info, page_size = environment.info(), environment.stat()["psize"]
    entries: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for name in databases:
        database = environment.open_db(name, txn=transaction, create=False)
        stat = transaction.stat(database)
        pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        entries[name.decode()], sizes[name.decode()] = stat["entries"], pages * page_size
    disk = os.statvfs(path)
    slots = environment.readers().splitlines()[1:]
    last = info["last_txnid"]
    return Space(
        file=(path / "data.mdb").stat().st_size,
        used=_META_PAGES * page_size + sum(sizes.values()),
        map_size=info["map_size"],
        disk_free=disk.f_bavail * disk.f_frsize,
        readers=len(slots),
        most_readers=info["max_readers"],
        lag=max((last - int(read) for read in map(_read_by, slots) if read.isdigit()), default=0),
        transactions=last,
        entries=entries,
        sizes=sizes,
    )


def _read_by(slot: str) -> str:
    """The transaction that a line of the reader table says is read; "-" between two."""
    return slot.rsplit(maxsplit=1)[-1]
