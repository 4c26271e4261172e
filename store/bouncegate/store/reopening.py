"""The lock table of a daemon, which outlives its store.

On a new installation the send path may run before the first bounce has made the store. Later the
store may be moved away, replaced by a backup, cut short or written by another version. As long as
it cannot be used, every look-up fails, and `on_error` says what that means for the recipient; when
it can be used again, it is, without a restart.

LMDB must not be opened twice in one process, so the old file is closed before the new one is
opened. That takes some milliseconds, for which look-ups wait.
"""

import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, NamedTuple

import lmdb

from bouncegate.config.settings import StoreSettings
from bouncegate.store.environment import Environment
from bouncegate.store.errors import (
    StoreDamaged,
    StoreError,
    StoreForbidden,
    StoreLayout,
    StoreMissing,
    StoreReplaced,
)
from bouncegate.store.layout import (
    explained,
    layout_of,
    layout_problem,
    open_environment,
)
from bouncegate.store.locktable import OLDEST_LAYOUT, LockTable
from bouncegate.store.metapages import map_size_of

_LOG: Final = logging.getLogger("bouncegate.store")
INTERVAL: Final = 1.0

PATIENCE: Final = 0.5
"""How many seconds look-ups wait at most while one file takes the place of another."""
_PAUSE: Final = 0.001
_LASTING: Final = (StoreMissing, StoreDamaged, StoreForbidden, StoreLayout)


def open_lock_table(settings: StoreSettings) -> "ReopeningLockTable":
    """The lock table, which need not be there yet; raises StoreError for all else."""
    table = ReopeningLockTable(settings)
    if table.reason is not None and not isinstance(table.reason, StoreMissing):
        raise table.reason
    return table


class _File(NamedTuple):
    """Identifies a data file, and shows whether it was truncated."""

    device: int
    number: int
    size: int
    changed: int


class ReopeningLockTable(LockTable):
    """A lock table that opens the store when it can, and lets go of it when it must.

    `find` is that of `LockTable`, at the same cost. It raises StoreError where there is no store,
    and looks, at most once a second, whether there is one now.
    """

    __slots__ = (
        "_file",
        "_hopeless",
        "_left",
        "_next_try",
        "_opening",
        "_settings",
        "_waits_until",
        "reason",
    )

    def __init__(self, settings: StoreSettings) -> None:
        """Open the store, if that is possible: `reason` tells why it is not."""
        self._settings = settings
        # LMDB must not be opened twice in one process, and libmilter calls from many threads.
        self._opening = threading.Lock()
        self._file: _File | None = None
        self._hopeless: _File | None = None
        self._left: Callable[[], lmdb.Environment | None] = lambda: None
        self._next_try = 0.0
        self._waits_until = 0.0
        self._environment = None
        self._begin = self._begin_late
        self.reason: StoreError | None = None
        with self._opening:
            self._open_if_due()

    def check(self) -> None:
        """See whether the store is still the one that is open; to be called about once a second.

        Not part of any look-up, and safe beside those of other threads.
        """
        with self._opening:
            if self._environment is not None:
                if (reason := self._wrong(self._environment)) is None:
                    self.reopen_purged()
                    return
                self._leave(reason)
                self._open_the_next()
            else:
                self._open_if_due()

    def _open_the_next(self) -> None:
        """Open the file that has taken the place of the one that was left, as soon as that can be.

        Look-ups that are under way in the old one take microseconds, and the library some more to
        close it. If there is nothing to open, lookups do not wait.
        """
        while self._environment is None and time.monotonic() < self._waits_until:
            self._next_try = 0.0
            self._open_if_due()
            if isinstance(self.reason, _LASTING):
                return
            time.sleep(_PAUSE)

    def _begin_late(self) -> "lmdb.Transaction[bytes]":
        # Holds no transaction: opening the store might wait for it.
        wait = max(self._waits_until - time.monotonic(), 0.0)
        if self._opening.acquire(timeout=wait):
            try:
                self._open_if_due()
            finally:
                self._opening.release()
        if self._environment is None:
            # A new one each time: raised again, it would remember where it was raised before.
            reason = self.reason or StoreError(f"{self._settings.path}: not open")
            raise type(reason)(*reason.args)
        return self._begin()

    def _open_if_due(self) -> None:
        now = time.monotonic()
        # Look-ups that were under way still read in the environment that was left.
        if self._environment is not None or now < self._next_try or self._left() is not None:
            return
        self._next_try = now + INTERVAL
        file = self._file_now()
        if file is not None and file == self._hopeless:
            return  # to find the damage again may mean to read all of it
        try:
            self._open(file)
        except StoreError as error:
            self._hopeless = file if isinstance(error, StoreDamaged) else None
            self._note(error)

    def _open(self, file: _File | None) -> None:
        """Open the store and read in it; raises StoreError."""
        path = self._settings.path
        try:
            environment = open_environment(self._settings, readonly=True, oldest=OLDEST_LAYOUT)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        try:
            environment.reader_check()  # workers that were killed have left their slots behind
            self._file = file
            self.attach(environment)
        except lmdb.Error as error:
            environment.close()
            raise explained(error, path) from error
        if self.reason is not None:
            _LOG.info("%s: the store is open", path)
        self.reason = None

    def _note(self, reason: StoreError) -> None:
        """Remember why it could not be opened, unless that is tried again at once."""
        if isinstance(reason, _LASTING) or time.monotonic() >= self._waits_until:
            self._say(reason)

    def _say(self, reason: StoreError) -> None:
        if str(reason) != str(self.reason):
            _LOG.warning("%s", reason)
        self.reason = reason.with_traceback(None)

    def _wrong(self, environment: Environment) -> StoreError | None:
        """Why the store that is open must not be read any more; None if all is well."""
        before, now = self._file, self._file_now()
        path = self._settings.path
        if now is None or before is None:
            return StoreMissing(f"{path}: data.mdb is gone or not readable")
        if replaced := environment.replaced():
            return StoreError(replaced)
        if now.size < before.size:
            return StoreDamaged(f"{path}: data.mdb is truncated")
        if now != before and map_size_of(path / "data.mdb") > environment.info()["map_size"]:
            # As soon as the file is larger than its map, LMDB refuses to read it.
            return StoreError(f"{path}: its map size was raised")
        self._file = now
        return self._unreadable(environment)

    def _unreadable(self, environment: Environment) -> StoreError | None:
        """What is wrong with what stands in the store; None if all is well."""
        path = self._settings.path
        try:
            environment.free_dead_readers()
            layout = layout_of(environment)
        except lmdb.Error as error:
            return explained(error, path)
        except StoreReplaced as error:  # since the files were compared
            return StoreError(environment.replaced() or str(error))
        return layout_problem(path, layout, OLDEST_LAYOUT)

    def _leave(self, reason: StoreError) -> None:
        """Let go of the environment: the last look-up that is under way in it closes it.

        To close it here would take the map away from under the threads that read in it.
        """
        self._waits_until = time.monotonic() + PATIENCE  # first: look-ups go on meanwhile
        environment, self._environment = self._environment, None
        self._journal = None
        assert environment is not None
        self._begin = self._begin_late
        self._left = weakref.ref(environment.raw)
        self._next_try = 0.0
        self._say(reason)

    def _file_now(self) -> _File | None:
        try:
            found = (self._settings.path / "data.mdb").stat()
        except OSError:
            return None
        return _File(found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns)
