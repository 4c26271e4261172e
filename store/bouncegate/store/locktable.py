"""The locks as the send path sees them: one read transaction, no decoding, no waiting.

Opened once per process and after any fork(2); LMDB forbids to carry an environment across.

Few stores lock any domain, and few keep locks of addresses that were purged (`purged`). Whether one
does is looked up once for each state of the store; where nothing of the kind is locked, an address
that is not costs one look-up.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

import lmdb

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.records import Act
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreError
from bouncegate.store.journal import Journal
from bouncegate.store.layout import LOCKS, MX, PURGED, open_environment
from bouncegate.store.purged import digest_of, read_salt

_LOG: Final = logging.getLogger("bouncegate.store")

OLDEST_LAYOUT: Final = 1
"""Since this layout of the store the records of locks are as they are today: the send path goes on
with them until, and while, the store is upgraded."""

Find = Callable[[bytes], bytes | None]
"""From the key of an address to the record of its lock, or of its domain's."""


class LockTable:
    """Read access to the lock records of `bouncegate.store.lockrecord`."""

    __slots__ = (
        *("_begin", "_environment", "_journal", "_mx", "_purged", "_rare", "_rare_in", "_salt"),
    )

    def __init__(self, environment: Environment) -> None:
        self.attach(environment)

    def attach(self, environment: Environment) -> None:
        """Read them from here on in this environment; raises lmdb.Error if it has none."""
        locks = environment.open_db(LOCKS, create=False)
        try:
            self._purged: lmdb._Database | None = environment.open_db(PURGED, create=False)
        except lmdb.NotFoundError:  # of a store that an earlier version has made
            self._purged = None
        try:
            self._mx: lmdb._Database | None = environment.open_db(MX, create=False)
            self._journal: Journal | None = Journal(environment)
        except lmdb.NotFoundError:  # the same
            self._mx = self._journal = None
        raw = environment.raw
        self._salt: bytes | None = None
        self._rare_in = -1
        self._rare = (False, False)
        """Whether any domain, and any purged address, is locked in transaction `_rare_in`."""
        self._begin: Callable[[], lmdb.Transaction[bytes]] = lambda: lmdb.Transaction(raw, locks)
        self._environment: Environment | None = environment

    @classmethod
    def open(cls, settings: StoreSettings) -> Self:
        """Open the store for reading; raises StoreError."""
        return cls(open_environment(settings, readonly=True, oldest=OLDEST_LAYOUT))

    def find(self, address: bytes) -> bytes | None:
        """The record of an address's lock, else of its domain's; raises lmdb.Error.

        `address` is canonical, in UTF-8.
        """
        try:
            transaction = self._begin()
        except lmdb.ReadersFullError:
            transaction = self._begin_again()
        record = transaction.get(address)
        if record is None:
            if self._rare_in != transaction.id():
                self._update_rare(transaction)
            any_domain, any_purged = self._rare
            if any_purged:
                record = self._find_purged(transaction, address)
            if any_domain and record is None:
                record = transaction.get(address[address.rfind(b"@") :])
        transaction.abort()
        return record

    def domain(self, name: bytes) -> bytes | None:
        """The record of what DNS has said of a domain, that of `mx`; raises lmdb.Error."""
        try:
            transaction = self._begin()
        except lmdb.ReadersFullError:
            transaction = self._begin_again()
        record = transaction.get(name, db=self._mx) if self._mx is not None and name else None
        transaction.abort()
        return record

    def was_freed(self, address: str) -> bool:
        """Whether an address was unlocked by hand, or gave a sign of life; raises lmdb.Error.

        Reads its journal: asked of an address that is about to be refused by a rule.
        """
        try:
            transaction = self._begin()
        except lmdb.ReadersFullError:
            transaction = self._begin_again()
        journal = self._journal
        with transaction:
            entries = journal.of_address_within(transaction, address) if journal else ()
            return any(isinstance(e, Act) and e.verb in ("unlock", "alive") for _, e in entries)

    def _begin_again(self) -> "lmdb.Transaction[bytes]":
        self.free_readers()
        return self._begin()

    def free_readers(self) -> None:
        """Free the slots of readers that died; raises lmdb.Error."""
        if self._environment is not None:
            self._environment.reader_check()

    def reopen_purged(self) -> None:
        """Ask the table of purged addresses too, where a later version has added it meanwhile."""
        if self._purged is None and self._environment is not None:
            with suppress(lmdb.NotFoundError):
                self._purged = self._environment.open_db(PURGED, create=False)
                self._rare_in = -1

    def _update_rare(self, transaction: "lmdb.Transaction[bytes]") -> None:
        cursor = transaction.cursor()
        any_domain = cursor.set_range(b"@") and cursor.key().startswith(b"@")
        any_purged = self._purged is not None and transaction.cursor(self._purged).first()
        self._rare, self._rare_in = (any_domain, any_purged), transaction.id()

    def _find_purged(self, transaction: "lmdb.Transaction[bytes]", address: bytes) -> bytes | None:
        if self._salt is None:
            self._salt = self._read_salt()
        if not self._salt:
            return None
        return transaction.get(digest_of(address, self._salt), db=self._purged)

    def _read_salt(self) -> bytes:
        """The salt; if it cannot be read, empty, and the log says that those locks are not
        enforced.
        """
        assert self._environment is not None
        folder = self._environment.folder
        try:
            salt = read_salt(folder)
        except StoreError as error:
            _LOG.error("locks of purged addresses are not enforced: %s", error)
            return b""
        if salt is None:
            _LOG.error("locks of purged addresses are not enforced: no salt in %s", folder)
        return salt or b""

    def close(self) -> None:
        """Close the environment."""
        if self._environment is not None:
            self._environment.close()
