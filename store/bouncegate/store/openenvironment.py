"""What the store and the ledger have in common: an environment of their own, as a whole."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import lmdb

from bouncegate.store.environment import Environment
from bouncegate.store.layout import copy_compacted
from bouncegate.store.space import Space, space_of
from bouncegate.store.table import Table
from bouncegate.store.writerlock import WriterLock


class OpenEnvironment(Table):
    """An environment that is closed with its tables."""

    def __init__(
        self, environment: Environment, databases: Collection[bytes], writer_lock: WriterLock | None
    ) -> None:
        """Use an environment that is open; `writer_lock` is held until `close`."""
        super().__init__(environment)
        self._databases = databases
        self._writer_lock = writer_lock

    def close(self) -> None:
        """Close the environment and give up the right to write."""
        self._environment.close()
        if self._writer_lock is not None:
            self._writer_lock.release()

    def replaced(self) -> str:
        """What has become of the files that are open; empty while they still have their names."""
        return self._environment.replaced()

    def space(self) -> Space:
        """How much space it takes; raises StoreError."""
        with self._reading() as transaction:
            return space_of(self._environment, transaction, self._path, self._databases)

    def copy(self, target: Path) -> None:
        """Write all of it, as it is at one moment, without free pages, into an empty file.

        Nobody waits for that. Pages that writers free meanwhile are reused only after it. Raises
        StoreError.
        """
        copy_compacted(self._environment, target, self._path)

    def check_readers(self) -> int:
        """Free the slots of readers that died; returns how many. Raises StoreError."""
        try:
            return self._environment.reader_check()
        except lmdb.Error as error:
            raise self._explained(error) from error
