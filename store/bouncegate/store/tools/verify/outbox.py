"""What waits for a shared log: each change can be read, is found both ways, and shows in the locks.

Where a store shares its index with no other machine, all of this is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from bouncegate.policy.fold import Fold
from bouncegate.store.addresses import lock_record
from bouncegate.store.change import UnknownChange, addresses_of, decode_change, identities_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.incidents import Incidents
from bouncegate.store.layout import LOCKS, OUTBOX, OUTBOX_BY_ADDRESS, OUTBOX_ONCE, SETTLED_LOCKS
from bouncegate.store.outbox import Outbox
from bouncegate.store.overlay import Overlay
from bouncegate.store.settledaddresses import SettledAddresses
from bouncegate.store.table import Transaction
from bouncegate.store.tools.verify.difference import Difference, deleted, put, records, shown
from bouncegate.store.waitingguard import WaitingGuard

_SEQ: Final = 8


class OutboxCheck:
    """One reading of the outbox and of the overlay."""

    def __init__(self, environment: Environment, fold: Fold) -> None:
        """Use an environment that is open; `fold` is that in force."""
        self._environment = environment
        self._fold = fold
        self._outbox = Outbox(environment)
        history = History(environment)
        incidents = Incidents(environment, history)
        guard = WaitingGuard(self._outbox, history.window, incidents)
        self._overlay = Overlay(SettledAddresses(environment), self._outbox, guard)
        self._waiting = environment.open_db(OUTBOX, create=False)
        self._once = environment.open_db(OUTBOX_ONCE, create=False)
        self._by_address = environment.open_db(OUTBOX_BY_ADDRESS, dupsort=True, create=False)
        self._locks = environment.open_db(LOCKS, create=False)
        self._settled = environment.open_db(SETTLED_LOCKS, create=False)

    def differences(self) -> Iterator[Difference]:
        """All that is found, by table."""
        for transaction, seq, octets in records(self._environment, OUTBOX):
            yield from self._of_change(transaction, seq, octets)
        for transaction, identity, seq in records(self._environment, OUTBOX_ONCE):
            if not self._waits(transaction, seq):
                repair = partial(deleted, self._once, identity)
                yield Difference("outbox_once", identity.hex(), "names no change", repair)
        for transaction, key, seq in records(self._environment, OUTBOX_BY_ADDRESS):
            if not self._waits(transaction, seq):
                repair = partial(deleted, self._by_address, key, value=seq)
                yield Difference("outbox_by_address", shown(key), "names no change", repair)
            elif transaction.get(key, db=self._settled) is None:
                repair = partial(self._renew, shown(key))
                yield Difference("settled_locks", shown(key), "is missing", repair)
        for transaction, key, _ in records(self._environment, SETTLED_LOCKS):
            yield from self._of_lock(transaction, key)

    def _waits(self, transaction: Transaction, seq: bytes) -> bool:
        return len(seq) == _SEQ and transaction.get(seq, db=self._waiting) is not None

    def _of_change(
        self, transaction: Transaction, seq: bytes, octets: bytes
    ) -> Iterator[Difference]:
        try:
            change = decode_change(octets)
        except UnknownChange as error:
            yield Difference("outbox", seq.hex(), f"cannot be read: {error}")
            return
        for identity in identities_of(change):
            if transaction.get(identity, db=self._once) != seq:
                repair = partial(put, self._once, identity, seq)
                yield Difference("outbox_once", identity.hex(), "is missing", repair)
        for address in sorted(set(addresses_of(change))):
            with transaction.cursor(self._by_address) as cursor:
                if not cursor.set_key_dup(address.encode(), seq):
                    repair = partial(put, self._by_address, address.encode(), seq)
                    yield Difference("outbox_by_address", address, "is missing", repair)

    def _of_lock(self, transaction: Transaction, key: bytes) -> Iterator[Difference]:
        """Whether the send path sees what waits, and keeps aside only what has to be."""
        address = shown(key)
        repair = partial(self._renew, address)
        if not self._outbox.concerns(transaction, address):
            yield Difference("settled_locks", address, "is kept, and no change waits", repair)
            return
        try:
            state = self._overlay.state(transaction, address, self._fold)
        except Exception:  # noqa: BLE001 - a change that is lost, which is told where it stands
            return
        if transaction.get(key, db=self._locks) != lock_record(state):
            text = "is not what the changes that wait make of it"
            yield Difference("locks", address, text, repair, by_policy=True)

    def _renew(self, address: str, transaction: Transaction) -> None:
        self._overlay.renew(transaction, address, self._fold)
