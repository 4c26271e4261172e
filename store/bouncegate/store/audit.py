"""What operators did: each change once, with who, from where, what and why.

    audit  time, 4 octets, and 8 drawn by chance -> Audit

It is written in the transaction that makes the change, or in each of those that make a change of
many addresses. The acts and rulings of the journal name it by its key, so that an address leads to
what was done to it, while the record itself may name no more than a few addresses.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final

import lmdb
import msgspec

from bouncegate.policy.records import Act, Audit, Event, Ruling, Settled
from bouncegate.store.codec import encode, number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.journal import Journal
from bouncegate.store.layout import AUDIT, INCIDENTS, VOIDED
from bouncegate.store.table import Table, Transaction

_TIME: Final = 4
_CHANCE: Final = 8
_PORTION: Final = 500
_LATEST: Final = b"\xff" * (_TIME + _CHANCE + 1)


def new_key(time: int) -> bytes:
    """The key of a record of that time."""
    return time.to_bytes(_TIME, "big") + secrets.token_bytes(_CHANCE)


class Audits(Table):
    """What operators did, by key."""

    def __init__(self, environment: Environment, journal: Journal) -> None:
        super().__init__(environment)
        self._journal = journal
        self._audit = self._database(AUDIT)
        self._voided = self._database(VOIDED)
        self._incidents = self._database(INCIDENTS)

    def put(self, transaction: Transaction, audit: Audit) -> None:
        """Write a record, or write it again."""
        transaction.put(audit.key, encode(audit), db=self._audit)

    def note(self, transaction: Transaction, audit: Audit | None) -> bytes:
        """Write the record of an operator's change, if there is one; returns its key."""
        if audit is None:
            return b""
        self.put(transaction, audit)
        return audit.key

    def get(self, transaction: Transaction, key: bytes) -> Audit | None:
        """The record of a key; None where it is no longer kept."""
        octets = transaction.get(key, db=self._audit)
        return None if octets is None else _DECODER.decode(octets)

    def expire(self, transaction: Transaction, before: int, most: int) -> int:
        """Forget up to `most` records from before a time; returns how many."""
        return self._delete_before(transaction, self._audit, before.to_bytes(_TIME, "big"), most)

    def entries(
        self, since: int = 0, until: int = 0, *, oldest_first: bool = False
    ) -> Iterator[Audit]:
        """The records from a time on and before another (0: of any), the latest first.

        Read in portions, each in a transaction of its own.
        """
        first = since.to_bytes(_TIME, "big")
        end = until.to_bytes(_TIME, "big") if until else _LATEST
        while True:
            with self._reading() as transaction, transaction.cursor(self._audit) as cursor:
                items = _up(cursor, first, end) if oldest_first else _down(cursor, first, end)
                found = [_DECODER.decode(octets) for octets in items]
            yield from found
            if len(found) < _PORTION:
                return
            first, end = (found[-1].key + b"\0", end) if oldest_first else (first, found[-1].key)

    def of_address(self, address: str) -> list[Audit]:
        """What operators did to an address and to its events, as far as the journal tells it."""
        with self._reading() as transaction:
            keys = sorted(set(self.keys_of(transaction, address)))
            found = [self.get(transaction, key) for key in keys]
        return [audit for audit in found if audit is not None]

    def keys_of(self, transaction: Transaction, address: str) -> Iterator[bytes]:
        """The keys of the same, some of them more than once."""
        for number, entry in self._journal.of_address_within(transaction, address):
            if isinstance(entry, Act) and entry.audit:
                yield entry.audit
            elif isinstance(entry, Event):
                ruling = transaction.get(octets_of(number), db=self._voided)
                settled = transaction.get(octets_of(entry.held), db=self._incidents)
                for cause in (ruling, settled):
                    yield from self._key_of_cause(transaction, cause)

    def _key_of_cause(self, transaction: Transaction, cause: bytes | None) -> Iterator[bytes]:
        if cause is not None and number_of(cause):
            entry = self._journal.get(transaction, number_of(cause))
            if isinstance(entry, Ruling | Settled) and entry.audit:
                yield entry.audit


_DECODER: Final = msgspec.msgpack.Decoder(Audit)


def _up(cursor: lmdb.Cursor[bytes], first: bytes, end: bytes) -> Iterator[bytes]:
    if cursor.set_range(first):
        for number, (key, octets) in enumerate(cursor.iternext()):
            if key >= end or number == _PORTION:
                return
            yield octets


def _down(cursor: lmdb.Cursor[bytes], first: bytes, end: bytes) -> Iterator[bytes]:
    if cursor.prev() if cursor.set_range(end) else cursor.last():
        for number, (key, octets) in enumerate(cursor.iterprev()):
            if key < first or number == _PORTION:
                return
            yield octets
