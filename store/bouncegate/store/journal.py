"""The journal: every entry in the order in which it came.

journal     number, 8 octets big-endian -> entry
by_address  address -> the numbers of its events and acts
summaries   address -> Summary, of its oldest entries, which are no longer kept

Nothing in it is changed, and taken away is only what has been kept for as long as the settings say
(`retention`), or what concerns an address that is purged. A number is never given twice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby, islice
from typing import Final

from bouncegate.policy.records import AddressEntry, Entry, Event, JournalEntry, Ruling, Summary
from bouncegate.store.codec import (
    decode_entry,
    decode_summary,
    encode,
    encode_entry,
    may_be_ruling,
    number_of,
    octets_of,
)
from bouncegate.store.environment import Environment
from bouncegate.store.layout import BY_ADDRESS, JOURNAL, SUMMARIES
from bouncegate.store.table import Table, Transaction

# Acts on a thousand addresses whose neighbours come one after the other; each takes some 100 KB.
_ACTS_AT_ONCE: Final = 256
# How far entries may be out of order: a delivery or an act is written by another process, whose
# transaction waits for that of the return path.
_DISORDER: Final = 3600


class Journal(Table):
    """Entries by number, and their numbers by address."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._entries = self._database(JOURNAL)
        self._by_address = self._database(BY_ADDRESS)
        self._summaries = self._database(SUMMARIES)

    def append(self, transaction: Transaction, entry: Entry) -> int:
        """Write an entry behind the last one; returns its number."""
        return self.append_encoded(transaction, encode_entry(entry))

    def append_encoded(self, transaction: Transaction, octets: bytes) -> int:
        """The same of an entry that is encoded already."""
        number = self.last_within(transaction) + 1
        transaction.put(octets_of(number), octets, db=self._entries, append=True)
        return number

    def last(self) -> int:
        """The number of the last entry; 0 where there is none."""
        with self._reading() as transaction:
            return self.last_within(transaction)

    def last_within(self, transaction: Transaction) -> int:
        """The same within a transaction."""
        with transaction.cursor(self._entries) as cursor:
            return number_of(cursor.key()) if cursor.last() else 0

    def index(self, transaction: Transaction, address: str, number: int) -> None:
        """Let an entry be found by an address that it concerns."""
        transaction.put(address.encode(), octets_of(number), db=self._by_address)

    def count(self, transaction: Transaction, address: str) -> int:
        """How many entries of one address are kept, by the index: none is read."""
        with transaction.cursor(self._by_address) as cursor:
            return cursor.count() if cursor.set_key(address.encode()) else 0

    def get(self, transaction: Transaction, number: int) -> Entry:
        """The entry of a number that is known to exist."""
        octets = transaction.get(octets_of(number), db=self._entries)
        assert octets is not None, f"the journal has no entry {number}, but something names it"
        return decode_entry(octets)

    def addresses(self, number: int) -> tuple[str, ...]:
        """The addresses that an entry is about; none if there is no such entry."""
        with self._reading() as transaction:
            return self.addresses_within(transaction, number)

    def addresses_within(self, transaction: Transaction, number: int) -> tuple[str, ...]:
        """The same within a transaction."""
        octets = transaction.get(octets_of(number), db=self._entries)
        entry = None if octets is None else decode_entry(octets)
        if isinstance(entry, Event):
            return (entry.address,)
        return entry.addresses if isinstance(entry, AddressEntry) else ()

    def event(self, transaction: Transaction, number: int) -> Event:
        """The event of a number that is known to be one."""
        entry = self.get(transaction, number)
        assert isinstance(entry, Event), f"entry {number} of the journal is no event"
        return entry

    def events(self, numbers: Iterable[int]) -> Iterator[tuple[int, Event]]:
        """The events of numbers that are known to be events'."""
        with self._reading() as transaction:
            for number in numbers:
                yield number, self.event(transaction, number)

    def numbers(self, transaction: Transaction, address: str) -> list[int]:
        """The numbers of the entries of one address that are kept, in order."""
        with transaction.cursor(self._by_address) as cursor:
            found = cursor.set_key(address.encode())
            return [number_of(octets) for octets in cursor.iternext_dup()] if found else []

    def last_of(self, address: str) -> int:
        """The number of the last entry about an address; 0 where none is kept."""
        with self._reading() as transaction:
            return max(self.numbers(transaction, address), default=0)

    def of_address(self, address: str) -> list[tuple[int, JournalEntry]]:
        """The entries of one address, in the order in which they came, void and held ones too."""
        with self._reading() as transaction:
            return list(self.of_address_within(transaction, address))

    def of_address_within(
        self, transaction: Transaction, address: str
    ) -> Iterator[tuple[int, JournalEntry]]:
        """The same within a transaction.

        Where the oldest are no longer kept, their summary comes first.
        """
        if (summary := self.summary(transaction, address)) is not None:
            yield summary.last, summary
        for number in self.numbers(transaction, address):
            entry = self.get(transaction, number)
            assert isinstance(entry, AddressEntry), f"entry {number} concerns no address"
            yield number, entry

    def by_address(
        self, transaction: Transaction
    ) -> Iterator[tuple[str, list[tuple[int, JournalEntry]]]]:
        """The same of every address, by address."""
        acts: dict[int, AddressEntry] = {}
        with (
            transaction.cursor(self._by_address) as indexed,
            transaction.cursor(self._summaries) as summed,
        ):
            keys = (
                indexed.iternext_nodup() if indexed.first() else (),
                summed.iternext(values=False) if summed.first() else (),
            )
            for key, _ in groupby(merge(*keys)):
                address = key.decode()
                found: list[tuple[int, JournalEntry]] = []
                if (summary := self.summary(transaction, address)) is not None:
                    found.append((summary.last, summary))
                numbers = self.numbers(transaction, address)
                yield address, found + [(n, self._folded(transaction, n, acts)) for n in numbers]

    def summary(self, transaction: Transaction, address: str) -> Summary | None:
        """What stands for the oldest entries of an address, if they are no longer kept."""
        octets = transaction.get(address.encode(), db=self._summaries) if address else None
        return None if octets is None else decode_summary(octets)

    def summaries(
        self, transaction: Transaction, after: str, most: int
    ) -> list[tuple[str, Summary]]:
        """At most so many addresses behind `after` that have one, in order."""
        with transaction.cursor(self._summaries) as cursor:
            found = cursor.set_range(after.encode() + b"\0") if after else cursor.first()
            items = islice(cursor.iternext(), most) if found else ()
            return [(key.decode(), decode_summary(octets)) for key, octets in items]

    # -- what is no longer kept --------------------------------------------------------------

    def summarize(self, transaction: Transaction, address: str, summary: Summary | None) -> None:
        """Let a summary stand for the entries that are let go of, or nothing."""
        if summary is None:
            transaction.delete(address.encode(), db=self._summaries)
        else:
            transaction.put(address.encode(), encode(summary), db=self._summaries)

    def unindex(self, transaction: Transaction, address: str, number: int) -> None:
        """Let an entry be found by this address no longer."""
        transaction.delete(address.encode(), octets_of(number), db=self._by_address)

    def rewrite(self, transaction: Transaction, number: int, entry: Entry | None) -> None:
        """Put another entry in the place of one, or none at all; never of the last one."""
        if entry is not None:
            transaction.put(octets_of(number), encode_entry(entry), db=self._entries)
        else:
            transaction.delete(octets_of(number), db=self._entries)

    def exists(self, transaction: Transaction, number: int) -> bool:
        """Whether the entry of a number is kept."""
        return transaction.get(octets_of(number), db=self._entries) is not None

    def names(self, transaction: Transaction, after: str = "") -> Iterator[str]:
        """Every address that an entry concerns, in order, behind this one."""
        with transaction.cursor(self._by_address) as cursor:
            # No address holds NUL: what comes at or behind this key is behind the address.
            more = cursor.set_range(after.encode() + b"\0") if after else cursor.first()
            while more:
                yield cursor.key().decode()
                more = cursor.next_nodup()

    def events_of(
        self, transaction: Transaction, address: str, others: set[int]
    ) -> Iterator[tuple[int, Event]]:
        """The bounces of one address, in the order in which they came.

        `others` are numbers of entries that are known to be none; what is found of them is added.
        """
        with transaction.cursor(self._by_address) as cursor:
            found = cursor.set_key(address.encode())
            numbers = list(cursor.iternext_dup()) if found else []
        for key in numbers:
            number = number_of(key)
            if number in others:
                continue
            octets = transaction.get(key, db=self._entries)
            entry = None if octets is None else decode_entry(octets)
            if isinstance(entry, Event):
                yield number, entry
            else:
                others.add(number)

    def _folded(
        self, transaction: Transaction, number: int, acts: dict[int, AddressEntry]
    ) -> AddressEntry:
        """An entry that concerns addresses; `acts` remembers those that concern many."""
        known = acts.get(number)
        if known is not None:
            return known
        entry = self.get(transaction, number)
        assert isinstance(entry, AddressEntry), f"entry {number} concerns no address"
        if not isinstance(entry, Event):
            if len(acts) == _ACTS_AT_ONCE:
                acts.pop(next(iter(acts)))
            acts[number] = entry
        return entry

    def first_since(self, transaction: Transaction, time: int) -> int:
        """The number of the first entry of a time or later, or one close before it.

        Entries are written in the order of their times but for some seconds, by which the clocks
        of writers and the transactions of others set them apart.
        """
        wanted = time - _DISORDER
        with transaction.cursor(self._entries) as cursor:

            def time_at(number: int) -> int:
                cursor.set_range(octets_of(number))  # the next that is kept: not beyond the last
                return decode_entry(cursor.value()).time

            first = number_of(cursor.key()) if cursor.first() else 1
            last = number_of(cursor.key()) if cursor.last() else 0
            return first + bisect_left(range(first, last + 1), wanted, key=time_at)

    def bounces(self, transaction: Transaction, start: int) -> Iterator[tuple[int, Event | None]]:
        """All entries from a number on, None for each that is no bounce."""
        for number, entry in self.entries_within(transaction, start):
            yield number, entry if isinstance(entry, Event) else None

    def entries(self, start: int = 1) -> Iterator[tuple[int, Entry]]:
        """All entries from a number on, in the order in which they came."""
        with self._reading() as transaction:
            yield from self.entries_within(transaction, start)

    def entries_within(
        self, transaction: Transaction, start: int = 1
    ) -> Iterator[tuple[int, Entry]]:
        """The same within a transaction."""
        with transaction.cursor(self._entries) as cursor:
            if cursor.set_range(octets_of(start)):
                for number, octets in cursor.iternext():
                    yield number_of(number), decode_entry(octets)

    def rulings_within(
        self, transaction: Transaction, first: int, last: int
    ) -> Iterator[tuple[int, Ruling]]:
        """The rulings between two numbers, both included: a tenth of the time of all entries."""
        end = octets_of(last)
        with transaction.cursor(self._entries) as cursor:
            for number, octets in cursor.iternext() if cursor.set_range(octets_of(first)) else ():
                if number > end:
                    return
                if may_be_ruling(octets) and isinstance(entry := decode_entry(octets), Ruling):
                    yield number_of(number), entry

    def first_kept(self, transaction: Transaction, after: int) -> tuple[int, Entry] | None:
        """The first entry behind a number; None where there is none."""
        return next(self.entries_within(transaction, after + 1), None)
