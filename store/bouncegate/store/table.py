"""What the tables of one environment share: transactions whose errors say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreFull
from bouncegate.store.layout import explained


class Table:
    """Tables of an environment, to be read and written in its transactions."""

    def __init__(self, environment: Environment, path: Path) -> None:
        """Use an environment that is open; `path` is its folder."""
        self._environment = environment
        self._path = path

    def replaced(self) -> str:
        """What has become of the files that are open; empty as long as they are the store's."""
        return self._environment.replaced()

    @contextmanager
    def _reading(self) -> Iterator[lmdb.Transaction[bytes]]:
        """What is seen within stays as it is; raises StoreError."""
        try:
            with self._environment.begin() as transaction:
                yield transaction
        except lmdb.Error as error:
            raise explained(error, self._path) from error

    @contextmanager
    def _writing(self) -> Iterator[lmdb.Transaction[bytes]]:
        """All that is written within is durable behind it, or none of it is; raises StoreError."""
        try:
            with self._environment.begin(write=True) as transaction:
                yield transaction
        except lmdb.BadValsizeError:
            raise  # a key that LMDB cannot take: what was to be written is wrong, not the store
        except lmdb.Error as error:
            raise explained(error, self._path) from error
        except OSError as error:  # of a message that lies in a file of its own
            raise StoreFull(f"{error.filename or self._path}: {error.strerror}") from error
