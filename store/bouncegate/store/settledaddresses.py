"""The states of addresses as the log has settled them, where changes wait in the outbox.

    settled_locks  address -> its lock record as settled, empty where it has no lock

`locks`, which the send path reads, holds more for such an address: what the changes that wait make
of it. An address stands here as long as, and only while, a change of it waits.
"""

from __future__ import annotations

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import State
from bouncegate.store.addresses import Addresses, lock_record
from bouncegate.store.environment import Environment
from bouncegate.store.layout import SETTLED_LOCKS
from bouncegate.store.table import Transaction


class SettledAddresses(Addresses):
    """What the log alone adds up to; only who carries out what it has ordered writes here."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._settled = self._database(SETTLED_LOCKS)
        self._written: set[str] = set()

    def record_within(self, transaction: Transaction, key: bytes) -> bytes | None:
        """The lock record of an address, given in UTF-8."""
        settled = transaction.get(key, db=self._settled)
        if settled is None:
            return super().record_within(transaction, key)
        return settled or None

    def put_record(self, transaction: Transaction, key: bytes, record: bytes | None) -> None:
        """Write the lock record of an address, or that it has none."""
        if transaction.get(key, db=self._settled) is None:
            super().put_record(transaction, key, record)
            return
        transaction.put(key, record or b"", db=self._settled)

    def put(self, transaction: Transaction, address: str, before: State, after: State) -> None:
        """Write what has changed, and note that what waits rests on it."""
        super().put(transaction, address, before, after)
        if transaction.get(address.encode(), db=self._settled) is not None:
            self._written.add(address)

    def take_written(self) -> set[str]:
        """The addresses that were written since, while a change of them waits."""
        written, self._written = self._written, set()
        return written

    def overlay(self, transaction: Transaction, address: str, state: State) -> None:
        """Let the send path see a state, while that which is settled is kept beside it."""
        key = address.encode()
        known = super().record_within(transaction, key)
        transaction.put(key, known or b"", overwrite=False, db=self._settled)
        record = lock_record(state)
        if record != known:
            super().put_record(transaction, key, record)

    def uncover(self, transaction: Transaction, address: str) -> None:
        """Let the send path see what is settled: no change of the address waits any more."""
        key = address.encode()
        settled = transaction.pop(key, db=self._settled)
        if settled is not None and (settled or None) != super().record_within(transaction, key):
            super().put_record(transaction, key, settled or None)

    def settled(self, transaction: Transaction, address: str) -> State:
        """What is known of an address, without what waits."""
        return self.get_within(transaction, address) or EMPTY
