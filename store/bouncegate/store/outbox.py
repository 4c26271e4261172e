"""The outbox of a machine that shares its index: changes that wait for the log to order them.

    outbox             seq, 8 octets -> the change
    outbox_once        identity of a bounce -> seq of the change that brings it
    outbox_by_address  address -> the seqs of the changes that concern it
    meta  "outbox"     the last seq that was given, 8 octets; none is given twice

A change is durable here before a DSN is acknowledged or an operator is told that it is done. It
leaves in the transaction in which it takes effect, once the log has ordered it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from bouncegate.policy.records import Act, Delivered, Event
from bouncegate.store.change import (
    Change,
    addresses_of,
    decode_change,
    encode_change,
    entries_for,
    identities_of,
)
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.layout import (
    META,
    OUTBOX,
    OUTBOX_BY_ADDRESS,
    OUTBOX_ONCE,
    OUTBOX_SERIES,
    OUTBOX_WATCHED,
)
from bouncegate.store.table import Table, Transaction
from bouncegate.store.window import Window

_LAST: Final = b"outbox"

PROVISIONAL: Final = 1 << 63
"""With this bit, a number is the seq of a change that waits, and not that of a journal entry."""


class Outbox(Table):
    """The changes that wait, in order."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._meta = self._database(META)
        self._waiting = self._database(OUTBOX)
        self._once = self._database(OUTBOX_ONCE)
        self._by_address = self._database(OUTBOX_BY_ADDRESS)
        self._watched = self._database(OUTBOX_WATCHED)
        self._series = self._database(OUTBOX_SERIES)
        self.window: Final = Window(environment, OUTBOX_WATCHED, OUTBOX_SERIES)
        """What the guard watches of that which waits."""

    def add(self, transaction: Transaction, change: Change) -> int:
        """Let a change wait behind all others; returns its seq."""
        seq = number_of(transaction.get(_LAST, b"", db=self._meta)) + 1
        key = octets_of(seq)
        transaction.put(_LAST, key, db=self._meta)
        transaction.put(key, encode_change(change), db=self._waiting, append=True)
        for identity in identities_of(change):
            transaction.put(identity, key, db=self._once)
        for address in addresses_of(change):
            transaction.put(address.encode(), key, dupdata=False, db=self._by_address)
        return seq

    def remove(self, transaction: Transaction, seq: int) -> Change | None:
        """Take a change out that has taken effect; None where it is not there."""
        key = octets_of(seq)
        octets = transaction.pop(key, db=self._waiting)
        if octets is None:
            return None
        change = decode_change(octets)
        for identity in identities_of(change):
            transaction.delete(identity, db=self._once)
        for address in set(addresses_of(change)):
            transaction.delete(address.encode(), key, db=self._by_address)
        return change

    def clear(self, transaction: Transaction) -> list[str]:
        """Take everything out; returns the addresses that it concerned."""
        addresses = list(self.addresses(transaction))
        for database in (self._waiting, self._once, self._by_address, self._watched, self._series):
            transaction.drop(database, delete=False)
        return addresses

    def begin_behind(self, transaction: Transaction, seq: int) -> None:
        """Give no seq up to this one: the log has entries with them."""
        last = max(seq, number_of(transaction.get(_LAST, b"", db=self._meta)))
        transaction.put(_LAST, octets_of(last), db=self._meta)

    def get(self, transaction: Transaction, seq: int) -> Change:
        """A change that waits."""
        octets = transaction.get(octets_of(seq), db=self._waiting)
        assert octets is not None, f"no change {seq} waits, but something names it"
        return decode_change(octets)

    def seq_of(self, transaction: Transaction, identity: bytes) -> int:
        """The seq of the change that brings a bounce; 0 where none does."""
        return number_of(transaction.get(identity, b"", db=self._once))

    def concerns(self, transaction: Transaction, address: str) -> bool:
        """Whether a change of an address waits."""
        return transaction.get(address.encode(), db=self._by_address) is not None

    def of_address(self, transaction: Transaction, address: str) -> list[int]:
        """The seqs of the changes of an address, in order."""
        with transaction.cursor(self._by_address) as cursor:
            found = cursor.set_key(address.encode())
            return [number_of(octets) for octets in cursor.iternext_dup()] if found else []

    def entries_of(
        self, transaction: Transaction, address: str
    ) -> Iterator[tuple[int, Event | Act | Delivered]]:
        """What waits of an address, in order, each with its provisional number."""
        for seq in self.of_address(transaction, address):
            for entry in entries_for(self.get(transaction, seq), address):
                yield PROVISIONAL | seq, entry

    def addresses(self, transaction: Transaction) -> Iterator[str]:
        """All addresses of which a change waits, in order."""
        with transaction.cursor(self._by_address) as cursor:
            for key in cursor.iternext_nodup() if cursor.first() else ():
                yield key.decode()

    def portion(self, after: int, most: int, octets: int) -> list[tuple[int, bytes]]:
        """The next changes behind a seq, each encoded, with its seq; raises StoreError.

        At most so many, and no more than so many octets, but one at least.
        """
        found: list[tuple[int, bytes]] = []
        with self._reading() as transaction, transaction.cursor(self._waiting) as cursor:
            items = cursor.iternext() if cursor.set_range(octets_of(after + 1)) else ()
            for key, value in islice(items, most):
                octets -= len(value)
                if octets < 0 and found:
                    break
                found.append((number_of(key), bytes(value)))
        return found

    def last(self) -> int:
        """The last seq that was given; 0: none ever was. Raises StoreError."""
        with self._reading() as transaction:
            return number_of(transaction.get(_LAST, b"", db=self._meta))

    def count(self) -> int:
        """How many changes wait; raises StoreError."""
        with self._reading() as transaction:
            return self.count_within(transaction)

    def count_within(self, transaction: Transaction) -> int:
        """The same within a transaction."""
        entries: int = transaction.stat(self._waiting)["entries"]
        return entries
