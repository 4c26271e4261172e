"""Giving free pages back to the disk: a compacted copy takes the place of the file.

The send path reads on, in the old file until it notices the new one. Writers must be stopped: what
one that had the old file open wrote would be lost.
"""

from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import lmdb

from bouncegate.store.errors import StoreDamaged, StoreFull
from bouncegate.store.fileaccess import inaccessible
from bouncegate.store.tools.backup import Copied
from bouncegate.store.tools.datafile import put_in_place
from bouncegate.store.tools.durable import created
from bouncegate.store.writerlock import WriterLock

_DRAFT: Final = ".compacted.mdb"
_MAX_DATABASES: Final = 64


class Compacted(NamedTuple):
    """Sizes of the file, in octets."""

    before: int
    after: int


def compact(folder: Path, writer_lock: WriterLock, part: Copied) -> Compacted:
    """Compact the environment of a folder; `part` reads it, `right` is that of one.

    Raises StoreError; then everything is as it was.
    """
    assert writer_lock.is_exclusive, "a writer would lose what it writes"
    draft = folder / _DRAFT
    before, room = (folder / "data.mdb").stat().st_size, part.space()
    if room.disk_free < room.used:
        raise StoreFull(f"{folder}: {room.used:,} octets are needed, {room.disk_free:,} are free")
    try:
        draft.unlink(missing_ok=True)  # of one that was killed
        with created(draft):
            part.copy(draft)
        require_entries(draft, room.entries)
        after = draft.stat().st_size
        put_in_place(draft, folder)
    except OSError as error:
        raise inaccessible(error, draft, StoreFull) from error
    finally:
        draft.unlink(missing_ok=True)
    return Compacted(before, after)


def require_entries(data: Path, expected: dict[str, int]) -> None:
    """Raise StoreDamaged unless a file holds as many entries in each database."""
    options = {"subdir": False, "readonly": True, "lock": False, "max_dbs": _MAX_DATABASES}
    try:
        with closing(lmdb.open(str(data), **options)) as environment:  # type: ignore[arg-type]
            databases = {
                name: environment.open_db(name.encode(), create=False) for name in expected
            }
            with environment.begin() as transaction:
                found = {n: transaction.stat(d)["entries"] for n, d in databases.items()}
    except lmdb.Error as error:
        raise StoreDamaged(f"{data}: the copy is not a store ({error})") from error
    if found != expected:
        raise StoreDamaged(f"{data}: the copy differs from the store")
