"""How much room an LMDB environment takes, of what it may take."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import lmdb


class Room(NamedTuple):
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
    entries: dict[str, int]
    """Of each database."""

    @property
    def fill(self) -> float:
        """The share of the map that is in use."""
        return self.used / self.map_size


def room_of(
    environment: lmdb.Environment,
    transaction: lmdb.Transaction[bytes],
    path: Path,
    databases: Iterable[bytes],
) -> Room:
    """The figures of an environment whose databases exist, as a transaction of it sees them.

    Raises lmdb.Error.
    """
    info, page_size = environment.info(), environment.stat()["psize"]
    pages, entries = 2, {}  # the two meta pages
    for name in databases:
        database = environment.open_db(name, txn=transaction, create=False)
        stat = transaction.stat(database)
        pages += stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        entries[name.decode()] = stat["entries"]
    disk = os.statvfs(path)
    return Room(
        file=(path / "data.mdb").stat().st_size,
        used=pages * page_size,
        map_size=info["map_size"],
        disk_free=disk.f_bavail * disk.f_frsize,
        readers=len(environment.readers().splitlines()) - 1,
        most_readers=info["max_readers"],
        entries=entries,
    )
