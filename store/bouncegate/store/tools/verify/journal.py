"""The journal, entry by entry, and what finds its entries: by address, by identity, by mark."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import lmdb

from bouncegate.policy.records import (
    UNCONFIRMED,
    AddressEntry,
    Entry,
    Event,
    Opened,
    Ruling,
    Settled,
)
from bouncegate.store.codec import decode_entry, number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.layout import (
    BY_ADDRESS,
    HELD,
    INCIDENTS,
    JOURNAL,
    ONCE,
    SET_ASIDE,
    UNPROVEN,
    VOIDED,
)
from bouncegate.store.tools.verify.difference import Difference, deleted, portions, put, records

_KEY: Final = 8


class JournalCheck:
    """One reading of the journal and its indexes."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._journal = environment.open_db(JOURNAL, create=False)
        self._by_address = environment.open_db(BY_ADDRESS, dupsort=True, create=False)
        self._once = environment.open_db(ONCE, create=False)
        self._voided = environment.open_db(VOIDED, create=False)
        self._held = environment.open_db(HELD, create=False)
        self._incidents = environment.open_db(INCIDENTS, create=False)
        self._quotas = {
            name: environment.open_db(name, create=False) for name in (UNPROVEN, SET_ASIDE)
        }

    def differences(self) -> Iterator[Difference]:
        """All that is found, in the order of the tables."""
        yield from self._entries()
        yield from self._of_by_address()
        yield from self._of_once()
        yield from self._of_marks()
        yield from self._of_incidents()
        yield from self._of_unproven()

    def _entries(self) -> Iterator[Difference]:
        for transaction, key, octets in records(self._environment, JOURNAL):
            try:
                entry = decode_entry(octets)
            except Exception as error:  # noqa: BLE001 - whatever it is, it cannot be read
                yield Difference("journal", _number(key), f"cannot be read: {error}")
                continue
            if len(key) != _KEY:
                yield Difference("journal", key.hex(), "its key is no number")
                continue
            yield from self._of_entry(transaction, key, entry)

    def _of_entry(
        self, transaction: lmdb.Transaction[bytes], key: bytes, entry: Entry
    ) -> Iterator[Difference]:
        with transaction.cursor(self._by_address) as cursor:
            for address in addresses_of(entry):
                if not cursor.set_key_dup(address.encode(), key):
                    repair = partial(put, self._by_address, address.encode(), key)
                    text = f"does not name entry {_number(key)}, which concerns it"
                    yield Difference("by_address", address, text, repair)
        if isinstance(entry, Event):
            if transaction.get(entry.identity, db=self._once) is None:
                repair = partial(put, self._once, entry.identity, key)
                text = f"is missing: entry {_number(key)} would count again"
                yield Difference("once", entry.identity.hex(), text, repair)
        elif isinstance(entry, Opened) and transaction.get(key, db=self._incidents) is None:
            yield Difference("incidents", _number(key), "is missing, but the journal opens it")
        elif isinstance(entry, Settled):
            yield from self._of_settlement(transaction, key, entry)

    def _of_settlement(
        self, transaction: lmdb.Transaction[bytes], key: bytes, entry: Settled
    ) -> Iterator[Difference]:
        incident = octets_of(entry.incident)
        if transaction.get(incident, db=self._incidents) not in (None, key):
            text = f"is not settled by entry {_number(key)}, which settles it"
            repair = partial(put, self._incidents, incident, key)
            yield Difference("incidents", str(entry.incident), text, repair)

    def _of_by_address(self) -> Iterator[Difference]:
        for transaction, items in portions(self._environment, BY_ADDRESS):
            known: dict[bytes, frozenset[str] | None] = {}
            for address, key in items:
                if key not in known:
                    known[key] = self._concerned(transaction, key)
                concerned = known[key]
                if concerned is None or address.decode(errors="replace") not in concerned:
                    yield self._misled(transaction, address, key, exists=concerned is not None)

    def _misled(
        self, transaction: lmdb.Transaction[bytes], address: bytes, key: bytes, *, exists: bool
    ) -> Difference:
        """An index that names an entry which does not concern the address, or is not there.

        One that was there once is lost: to forget that it was would lift what it had locked.
        """
        what = "does not concern it" if exists else "does not exist"
        was_there = not exists and key <= self._last(transaction)
        repair = None if was_there else partial(deleted, self._by_address, address, value=key)
        text = f"names entry {_number(key)}, which {what}"
        return Difference("by_address", address.decode(errors="replace"), text, repair)

    def _of_once(self) -> Iterator[Difference]:
        for transaction, identity, key in records(self._environment, ONCE):
            entry = self._entry(transaction, key)
            if entry is None and key <= self._last(transaction):
                text = f"names entry {_number(key)}, which is lost"
                yield Difference("once", identity.hex(), text)
            elif not isinstance(entry, Event) or entry.identity != identity:
                text = f"names entry {_number(key)}, which is not the event of that identity"
                repair = partial(deleted, self._once, identity)
                yield Difference("once", identity.hex(), text, repair)

    def _of_marks(self) -> Iterator[Difference]:
        for transaction, key, ruling in records(self._environment, VOIDED):
            cause = self._entry(transaction, ruling)
            if cause is not None and not (isinstance(cause, Ruling) and cause.verb == "void"):
                text = f"is said to be void by entry {_number(ruling)}, which is no such ruling"
                yield Difference("voided", _number(key), text)
            elif not isinstance(self._entry(transaction, key), Event):
                yield Difference("voided", _number(key), "is no event")
        for transaction, key, incident in records(self._environment, HELD):
            is_known = transaction.get(incident, db=self._incidents) == octets_of(0)
            if not is_known and number_of(incident) != UNCONFIRMED:
                text = f"is held for incident {_number(incident)}, which is not open"
                yield Difference("held", _number(key), text)
            elif not isinstance(self._entry(transaction, key), Event):
                yield Difference("held", _number(key), "is no event")

    def _of_incidents(self) -> Iterator[Difference]:
        for transaction, key, end in records(self._environment, INCIDENTS):
            opened, settled = self._entry(transaction, key), self._entry(transaction, end)
            if opened is not None and not isinstance(opened, Opened):
                yield Difference("incidents", _number(key), "is opened by no entry")
            elif number_of(end) and not (settled is None or isinstance(settled, Settled)):
                text = f"is settled by entry {_number(end)}, which settles nothing"
                yield Difference("incidents", _number(key), text)

    def _of_unproven(self) -> Iterator[Difference]:
        for name, quota in self._quotas.items():
            for transaction, key, _ in records(self._environment, name):
                if not isinstance(self._entry(transaction, key), Event):
                    repair = partial(deleted, quota, key)
                    yield Difference(name.decode(), _number(key), "is no event", repair)

    def _last(self, transaction: lmdb.Transaction[bytes]) -> bytes:
        """The key of the last entry."""
        with transaction.cursor(self._journal) as cursor:
            return cursor.key() if cursor.last() else b""

    def _concerned(self, transaction: lmdb.Transaction[bytes], key: bytes) -> frozenset[str] | None:
        entry = self._entry(transaction, key)
        return None if entry is None else frozenset(addresses_of(entry))

    def _entry(self, transaction: lmdb.Transaction[bytes], key: bytes) -> Entry | None:
        """The entry of a number, None if there is none that can be read."""
        octets = transaction.get(key, db=self._journal) if key else None
        try:
            return None if octets is None else decode_entry(octets)
        except Exception:  # noqa: BLE001 - reported where the journal itself is read
            return None


def addresses_of(entry: Entry) -> tuple[str, ...]:
    """Whom an entry concerns."""
    if isinstance(entry, Event):
        return (entry.address,) if entry.address else ()
    return entry.addresses if isinstance(entry, AddressEntry) else ()


def _number(key: bytes) -> str:
    return str(number_of(key))
