"""The locks as the send path sees them: one read transaction, no decoding, no waiting.

Opened once per process and after any fork(2); LMDB forbids to carry an environment across.
"""

from collections.abc import Callable
from typing import Self

import lmdb

from bouncegate.config.settings import StoreSettings
from bouncegate.store.environment import LOCKS, open_environment


class LockTable:
    """Read access to the lock records of `bouncegate.store.lockrecord`."""

    __slots__ = ("_begin", "_environment")

    def __init__(self, environment: lmdb.Environment) -> None:
        """Read the locks of an environment that is open."""
        self._environment = environment
        locks = environment.open_db(LOCKS, create=False)
        self._begin: Callable[[], lmdb.Transaction[bytes]] = lambda: lmdb.Transaction(
            environment, locks
        )

    @classmethod
    def open(cls, settings: StoreSettings) -> Self:
        """Open the store for reading; raises StoreError."""
        return cls(open_environment(settings, readonly=True))

    def find(self, address: bytes) -> bytes | None:
        """The record of an address's lock, else of its domain's; raises lmdb.Error.

        `address` is canonical, in UTF-8. The second look-up costs about a third of the
        first, since the transaction is the greater part of it.
        """
        transaction = self._begin()
        record = transaction.get(address)
        if record is None:
            record = transaction.get(address[address.rfind(b"@") :])
        transaction.abort()
        return record

    def close(self) -> None:
        """Give the map back."""
        self._environment.close()
