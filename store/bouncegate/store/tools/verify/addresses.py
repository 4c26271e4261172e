"""Each address: its state is the fold of its journal, its lock and its shelves what that says.

The fold uses the policy in force. If the settings have changed since, it differs though nothing is
wrong. Such a difference is marked; other differences do not depend on the policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from heapq import merge
from itertools import groupby, islice
from typing import Final

import lmdb

from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import NO_END, Entry, Lock, State
from bouncegate.store import lockrecord
from bouncegate.store.codec import octets_of
from bouncegate.store.domainindex import BOUNCES, STATE, DomainIndex, address_of, place_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.journal import Journal
from bouncegate.store.layout import (
    ADDRESSES,
    BY_ADDRESS,
    BY_DOMAIN,
    ENDS,
    LOCKS,
    SHELVES,
    SUMMARIES,
)
from bouncegate.store.listindex import BOUNCED, LETTERS, lists_of, locks_of
from bouncegate.store.settledaddresses import SettledAddresses
from bouncegate.store.tools.verify.difference import PORTION, Difference, Repair, deleted, records
from bouncegate.store.tools.verify.journal import addresses_of

_END: Final = 4
_SAYS: Final = {
    STATE: ("is said to have a state", "is not said to have a state"),
    BOUNCES: ("is said to have bounced", "is not said to have bounced"),
}
"""What the index of domains says wrongly of an address."""
_SHELVES: Final = (*LETTERS, BOUNCED)
_TABLES: Final = (ADDRESSES, LOCKS, BY_ADDRESS, SUMMARIES)


def known_names(
    environment: Environment, transaction: lmdb.Transaction[bytes], start: bytes
) -> Iterator[bytes]:
    """All addresses from `start` on of which there is anything, in order."""
    streams: list[Iterator[bytes]] = []
    for name in _TABLES:
        cursor = transaction.cursor(environment.open_db(name, txn=transaction, create=False))
        if cursor.set_range(start) if start else cursor.first():
            streams.append(cursor.iternext_nodup(values=False))
    return (key for key, _ in groupby(merge(*streams)))


class CachingJournal(Journal):
    """A journal that reads an act on many addresses once for those that come one after another."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._known: dict[int, Entry] = {}
        self._concerned: dict[int, frozenset[str]] = {}

    def get(self, transaction: lmdb.Transaction[bytes], number: int) -> Entry:
        entry = self._known.get(number)
        if entry is None:
            entry = super().get(transaction, number)
            if len(addresses_of(entry)) > 1:
                self._known[number] = entry
        return entry

    def concerns(self, transaction: lmdb.Transaction[bytes], number: int, address: str) -> bool:
        """Whether an entry is about an address; not where there is no such entry."""
        if number not in self._known:
            return address in self.addresses_within(transaction, number)
        if number not in self._concerned:
            self._concerned[number] = frozenset(addresses_of(self._known[number]))
        return address in self._concerned[number]

    def forget(self) -> None:
        """Remember nothing, since it may have changed."""
        self._known.clear()
        self._concerned.clear()


class AddressCheck:
    """One reading of all addresses."""

    def __init__(self, environment: Environment, fold: Fold) -> None:
        """Use an environment that is open; its databases exist. `fold` is that in force."""
        self._environment = environment
        self._fold = fold
        self._journal = CachingJournal(environment)
        settled = SettledAddresses(environment)
        self._history = History(environment, self._journal, settled)
        self._shelves = environment.open_db(SHELVES, create=False)
        self._by_domain = environment.open_db(BY_DOMAIN, create=False)
        self._known = [environment.open_db(name, create=False) for name in _TABLES]
        self._ends = environment.open_db(ENDS, dupsort=True, create=False)

    def differences(self) -> Iterator[Difference]:
        """All that is found, by address, then by table."""
        for transaction, names in self._names():
            self._journal.forget()
            for name in names:
                yield from self._of_address(transaction, name)
        yield from self._of_shelves()
        yield from self._of_places()
        yield from self._of_ends()

    def recompute(self, address: str, transaction: lmdb.Transaction[bytes]) -> None:
        """Recompute the state of an address from its journal, and write it."""
        self._journal.forget()
        state = self._history.fold_of(transaction, address, self._fold)
        self._history.addresses.write(transaction, address, state)
        self._history.list_bounced(transaction, address)

    def _names(self) -> Iterator[tuple[lmdb.Transaction[bytes], list[bytes]]]:
        """All addresses of which there is anything, in portions."""
        start: bytes | None = b""
        while start is not None:
            with self._environment.begin() as transaction:
                names = list(islice(known_names(self._environment, transaction, start), PORTION))
                start = names[-1] + b"\0" if len(names) == PORTION else None
                if names:
                    yield transaction, names

    def _of_address(self, transaction: lmdb.Transaction[bytes], key: bytes) -> Iterator[Difference]:
        try:
            address = key.decode()
            repair = partial(self.recompute, address)
            record = self._history.addresses.record_within(transaction, key)
            locks = {} if record is None else dict(lockrecord.of_groups(record))
            if record is not None:
                lockrecord.unpack(record)
            state = self._history.addresses.get_within(transaction, address) or EMPTY
        except Exception as error:  # noqa: BLE001 - whatever it is, it cannot be read
            name = key.decode(errors="replace")
            yield Difference(
                "locks, addresses", name, f"cannot be read: {error}", partial(self.recompute, name)
            )
            return
        try:
            folded = self._history.fold_of(transaction, address, self._fold)
        except Exception:  # noqa: BLE001 - an entry that is lost, which the journal's check tells
            return
        strangers = locks.keys() - {lockrecord.digest_of(name) for name in state.groups}
        if strangers:
            text = f"holds a lock of a group that no state knows ({min(strangers).hex()})"
            yield Difference("locks", address, text, repair)
        elif state != folded:
            yield _otherwise(address, state, folded, repair)
        # What writes a state that differs from its journal anew writes the index with it.
        checked = BOUNCES if state != folded else BOUNCES | STATE
        yield from self._of_domains(transaction, key, record, checked)
        for lock in locks_of(state):
            yield from self._of_lock(transaction, address, lock)
        shelves = lists_of(state)
        if self._history.has_bounced(transaction, address):
            shelves.add(BOUNCED)
        for shelf in _SHELVES:
            stands = transaction.get(shelf + key, db=self._shelves) is not None
            if stands is not (shelf in shelves):
                text = (
                    f"stands on shelf {shelf.decode()}"
                    if stands
                    else f"is missing on {shelf.decode()}"
                )
                yield Difference("shelves", address, text, repair)

    def _of_domains(
        self, transaction: lmdb.Transaction[bytes], key: bytes, record: bytes | None, checked: int
    ) -> Iterator[Difference]:
        """How the index of domains has an address; `checked` are the bits that are looked at."""
        index, address = self._history.addresses.index.domains, key.decode()
        has_state = record is not None or transaction.get(key, db=self._known[0]) is not None
        expected = {
            STATE: has_state,
            BOUNCES: self._history.has_bounced(transaction, address),
        }
        for bit, is_set in expected.items():
            if checked & bit and bool(index.bits(transaction, key) & bit) is not is_set:
                repair = partial(_marked, index, key, bit, is_set=is_set)
                yield Difference("by_domain", address, _SAYS[bit][is_set], repair)

    def _of_lock(
        self, transaction: lmdb.Transaction[bytes], address: str, lock: Lock
    ) -> Iterator[Difference]:
        repair = partial(self.recompute, address)
        # A lock that outlived the purge of its address has no cause any more.
        if lock.cause and not self._journal.concerns(transaction, lock.cause, address):
            text = f"is locked by entry {lock.cause}, which does not concern it"
            yield Difference("locks", address, text, repair)
        if lock.until != NO_END:
            with transaction.cursor(self._ends) as cursor:
                end = lock.until.to_bytes(_END, "big")
                if not cursor.set_key_dup(end, octets_of(lock.cause)):
                    text = f"does not name entry {lock.cause}, whose lock ends then"
                    yield Difference("ends", str(lock.until), text, repair)

    def _of_shelves(self) -> Iterator[Difference]:
        """Index entries of addresses that are unknown."""
        for transaction, key, _ in records(self._environment, SHELVES):
            name = key[1:].decode(errors="replace")
            if key[:1] not in _SHELVES or not self._is_known(transaction, key[1:]):
                repair = partial(deleted, self._shelves, key)
                yield Difference(
                    "shelves", name, "stands on a shelf, and nothing is known of it", repair
                )

    def _of_places(self) -> Iterator[Difference]:
        """Places in the index of domains of addresses that are unknown."""
        for transaction, place, _ in records(self._environment, BY_DOMAIN):
            key = address_of(place)
            if place != place_of(key) or not self._is_known(transaction, key):
                repair = partial(deleted, self._by_domain, place)
                text = "is in the index of domains, and nothing is known of it"
                yield Difference("by_domain", key.decode(errors="replace"), text, repair)

    def _is_known(self, transaction: lmdb.Transaction[bytes], key: bytes) -> bool:
        return any(transaction.get(key, db=db) is not None for db in self._known)

    def _of_ends(self) -> Iterator[Difference]:
        for _, end, cause in records(self._environment, ENDS):
            if len(end) != _END or len(cause) != len(octets_of(0)):
                repair = partial(deleted, self._ends, end)
                yield Difference("ends", end.hex(), f"names no entry ({cause.hex()})", repair)


def _marked(
    index: DomainIndex, key: bytes, bit: int, transaction: lmdb.Transaction[bytes], *, is_set: bool
) -> None:
    index.mark(transaction, key, bit, is_set=is_set)


def _otherwise(address: str, state: State, folded: State, repair: Repair) -> Difference:
    fields = [n for n in state.__struct_fields__ if getattr(state, n) != getattr(folded, n)]
    before, after = (_text(getattr(one, fields[0])) for one in (state, folded))
    more = f" (and {', '.join(fields[1:])})" if fields[1:] else ""
    text = f"{fields[0]} is {before}, the journal tells {after}{more}"
    return Difference("addresses", address, text, repair, by_policy=True)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: object) -> str:
    if isinstance(value, Lock):
        end = "without end" if value.until == NO_END else f"until {_date(value.until)}"
        return f"a {value.kind} lock {end} by entry {value.cause}"
    return "none" if value is None else str(value)
