"""What all tables have in common: an environment, and transactions whose errors say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, TypeAlias

import lmdb

from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreError, StoreFull
from bouncegate.store.layout import DATABASES, explained

Transaction: TypeAlias = "lmdb.Transaction[bytes]"


class Table:
    """One or more databases of an environment, and what is done with them.

    The constructor takes the environment, whose databases exist, then the tables that this one
    uses. A method that takes a transaction works in it and raises lmdb.Error; every other one opens
    a transaction of its own, or several short ones, and raises StoreError. Where a method exists in
    both forms, the first has the suffix `_within`.
    """

    _map_setting: ClassVar[str] = "map_size in [store]"

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._environment = environment
        self._path = environment.folder

    def _database(self, name: bytes) -> lmdb._Database:
        """The database of a name; raises lmdb.NotFoundError."""
        return self._environment.open_db(name, create=False, **DATABASES[name])

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        """What is seen within stays as it is; raises StoreError."""
        try:
            with self._environment.begin() as transaction:
                yield transaction
        except lmdb.Error as error:
            raise self._explained(error) from error

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """All that is written within is durable behind it, or none of it is; raises StoreError."""
        try:
            with self._environment.begin(write=True) as transaction:
                yield transaction
        except lmdb.BadValsizeError:
            raise  # a key that LMDB cannot take: what was to be written is wrong, not the store
        except lmdb.Error as error:
            raise self._explained(error) from error
        except OSError as error:  # of a message that lies in a file of its own
            raise StoreFull(f"{error.filename or self._path}: {error.strerror}") from error

    def _delete_before(
        self, transaction: Transaction, database: lmdb._Database, end: bytes, most: int
    ) -> int:
        """Delete up to `most` of the records whose keys come before one; returns how many."""
        deleted = 0
        with transaction.cursor(database) as cursor:
            while deleted < most and cursor.first() and cursor.key() < end:
                cursor.delete()
                deleted += 1
        return deleted

    def _explained(self, error: lmdb.Error) -> StoreError:
        """What an error of the library means, and what to do."""
        return explained(error, self._path, self._map_setting)
