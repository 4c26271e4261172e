"""The locks as the send path sees them: one read transaction, no decoding, no waiting.

Opened once per process and after any fork(2); LMDB forbids to carry an environment across.
"""

from collections.abc import Callable
from typing import Self

import lmdb

from bouncegate.config.settings import StoreSettings
from bouncegate.store.environment import LOCKS, open_environment

Find = Callable[[bytes], bytes | None]
"""From the key of an address to the record of its lock, or of its domain's."""


class LockTable:
    """Read access to the lock records of `bouncegate.store.lockrecord`."""

    __slots__ = ("_begin", "_domains_in", "_environment")

    def __init__(self, environment: lmdb.Environment) -> None:
        """Read the locks of an environment that is open."""
        self.attach(environment)

    def attach(self, environment: lmdb.Environment) -> None:
        """Read them from here on in this environment; raises lmdb.Error if it has none."""
        locks = environment.open_db(LOCKS, create=False)
        self._domains_in = (-1, False)
        """The last transaction that was looked at, and whether any domain was locked in it."""
        self._begin: Callable[[], lmdb.Transaction[bytes]] = lambda: lmdb.Transaction(
            environment, locks
        )
        self._environment: lmdb.Environment | None = environment

    @classmethod
    def open(cls, settings: StoreSettings) -> Self:
        """Open the store for reading; raises StoreError."""
        return cls(open_environment(settings, readonly=True))

    def find(self, address: bytes) -> bytes | None:
        """The record of an address's lock, else of its domain's; raises lmdb.Error.

        `address` is canonical, in UTF-8. Few stores lock any domain: whether one does is looked
        up once for each state of the store, which makes the median 0.58 us instead of 0.93.
        """
        transaction = self._begin()
        record = transaction.get(address)
        if record is None:
            seen, any_domain = self._domains_in
            if seen != transaction.id():
                any_domain = self._any_domain(transaction)
            if any_domain:
                record = transaction.get(address[address.rfind(b"@") :])
        transaction.abort()
        return record

    def _any_domain(self, transaction: "lmdb.Transaction[bytes]") -> bool:
        cursor = transaction.cursor()
        found = cursor.set_range(b"@") and cursor.key().startswith(b"@")
        self._domains_in = transaction.id(), found
        return found

    def close(self) -> None:
        """Give the map back."""
        if self._environment is not None:
            self._environment.close()
