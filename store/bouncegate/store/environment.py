"""An environment that is open, and whether its files are still those of the store.

Three things can happen to files that are open, none of which LMDB notices:

- `data.mdb` is deleted, replaced by a rename, or its folder is moved: what is written then goes
  into a file that no process will open again. So a write transaction looks first whether the file
  that is open has the name still, and a commit counts only if it has it afterwards, too.
- `lock.mdb` is removed as "stale": LMDB's lock between writers, and the number of the last
  transaction, are in it, so two processes that have two of them ruin the store. Each write
  transaction therefore holds a lock on `data.mdb` itself (flock(2)), where all writers meet, and
  fails if another `lock.mdb` has the name, before it or after.
- Readers are killed: each leaves a slot behind, and the pages that it read are not used again.
  They are looked for once a minute, when the file has grown, and where no slot is left.

`lock.mdb` is never opened here: to close it again would let go of the library's own lock on it,
by which others know that this process lives (fcntl(2), POSIX record locks).
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import lmdb

from bouncegate.config.text import counted
from bouncegate.store.errors import StoreReplaced

_LOG: Final = logging.getLogger("bouncegate.store")

DATA: Final = "data.mdb"
LOCK: Final = "lock.mdb"

READERS_EVERY: Final = 60.0
"""How often the slots of readers that died are freed, in seconds."""

_GROWN: Final = 1024
"""By how many pages the file grows before they are looked for as well: 4 MiB, at 4 KiB a page."""

_FILES_EVERY: Final = 0.1
"""How often a reader looks whether the files are the store's still; a writer always does."""

# 126 is the library's own; milter workers, handlers and commands of a large host fit in 1024,
# at 64 octets a slot.
_MAX_READERS: Final = 1024
# The lock file must be written by readers too, so the group may do both: the daemons' own group.
_FILE_MODE: Final = 0o660

Identity = tuple[int, int]
"""Device and inode of a file."""


def identity_of(path: str | Path) -> Identity | None:
    """Device and inode of a file; None if it does not exist or cannot be accessed."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of the time of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Environment:
    """An LMDB environment whose transactions hold only in the files of the store."""

    def __init__(
        self, raw: lmdb.Environment, folder: Path, written: int | None, *, readonly: bool
    ) -> None:
        """Go on with an environment that was just opened in a folder; raises OSError."""
        self.raw: Final = raw
        self.written: Final = written
        """When its data had been written last, before it was opened; None: it is new."""
        self.folder: Final = folder
        self._names = (str(folder / DATA), str(folder / LOCK))
        self._files = (identity_of(self._names[0]), identity_of(self._names[1]))
        self._descriptor = -1 if readonly else os.open(self._names[0], os.O_RDONLY | os.O_CLOEXEC)
        # A lock of flock(2) is the descriptor's: threads of one process would share it.
        self._turn = threading.Lock()
        self._next_readers = time.monotonic() + READERS_EVERY
        self._next_files = 0.0
        self._next_page = raw.info()["last_pgno"] + _GROWN
        self.open_db: Final = raw.open_db
        self.info: Final = raw.info
        self.stat: Final = raw.stat
        self.readers: Final = raw.readers

    def begin(
        self, *, write: bool = False, db: lmdb._Database | None = None
    ) -> AbstractContextManager[lmdb.Transaction[bytes]]:
        """A transaction; what is written in it is durable when its block has ended.

        Raises lmdb.Error, and StoreReplaced where the files are not the store's any more.
        """
        if write:
            return self._writing(db)
        now = time.monotonic()
        if now >= self._next_files:
            self.require_files()
            self._next_files = now + _FILES_EVERY
        return self._begun(db=db)

    @contextmanager
    def _writing(self, db: lmdb._Database | None) -> Iterator[lmdb.Transaction[bytes]]:
        with self._turn:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self.require_files()
                with self._begun(write=True, db=db) as transaction:
                    yield transaction
                if self.info()["last_pgno"] >= self._next_page:
                    self.reader_check()
                self.require_files()
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _begun(self, **options: Any) -> lmdb.Transaction[bytes]:
        self.free_dead_readers()
        try:
            return self.raw.begin(**options)
        except lmdb.ReadersFullError:
            self.reader_check()
            return self.raw.begin(**options)

    def free_dead_readers(self) -> None:
        """Free the slots of readers that died, if it is time; raises lmdb.Error."""
        if time.monotonic() >= self._next_readers:
            self.reader_check()

    def reader_check(self) -> int:
        """Free the slots of readers that died; returns how many. Raises lmdb.Error."""
        self._next_readers = time.monotonic() + READERS_EVERY
        self._next_page = self.info()["last_pgno"] + _GROWN
        freed = self.raw.reader_check()
        if freed:
            slots = counted(freed, "reader slot")
            _LOG.warning("%s: freed %s of dead processes", self.folder, slots)
        return freed

    def replaced(self) -> str:
        """What has become of the files that are open; empty if they are the store's still."""
        for name, opened in zip(self._names, self._files, strict=True):
            found = identity_of(name)
            if found != opened:
                how = "is not there any more" if found is None else "was replaced"
                return f"{name}: {how} while it was open"
        return ""

    def require_files(self) -> None:
        """Raise StoreReplaced where the files that are open are not the store's any more."""
        names, files = self._names, self._files
        if identity_of(names[0]) != files[0] or identity_of(names[1]) != files[1]:
            raise StoreReplaced(
                f"{self.replaced() or self.folder}: nothing was written; "
                "open the store again and retry"
            )

    def close(self) -> None:
        """Close the environment and its files."""
        self.raw.close()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def open_files(
    folder: Path, map_size: int, databases: int, *, readonly: bool, **options: Any
) -> Environment:
    """Open the environment of a folder, and make it unless `readonly`; raises lmdb.Error, OSError.

    StoreReplaced, if its files are replaced at this very moment.
    """
    names = (folder / DATA, folder / LOCK)
    before = [identity_of(name) for name in names]
    written = int(names[0].stat().st_mtime) if before[0] is not None else None
    raw = lmdb.open(
        str(folder),
        map_size=map_size,
        max_dbs=databases,
        max_readers=_MAX_READERS,
        readonly=readonly,
        create=not readonly,
        mode=_FILE_MODE,
        readahead=False,
        **options,
    )
    try:
        for name, old in zip(names, before, strict=True):
            if old not in (None, identity_of(name)):
                raise StoreReplaced(f"{name}: is being replaced: try again in a moment")
        return Environment(raw, folder, written, readonly=readonly)
    except BaseException:
        raw.close()
        raise


def lock_exclusively(data: Path) -> int | None:
    """A descriptor that keeps every write transaction on a file waiting; None: there is no file.

    Raises BlockingIOError while one is under way, OSError.
    """
    try:
        descriptor = os.open(data, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
