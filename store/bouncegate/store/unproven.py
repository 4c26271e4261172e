"""The quota of reports that count for no address: anyone can send as many as he likes.

    unproven  number of the event -> its time (4 octets), octets of its message as kept (4), and
              octets of all messages up to and with it (8)

They are kept for operators, in the journal like all events, but for some days only and in a room of
their own. When it is full the *oldest* are dropped: a flood brings similar reports, and an operator
wants to see the current ones; if the newest were refused, one flood would hide all others for a
week. Dropping them changes no address.

    set_aside the same, of messages that could not be read or recorded by a fault of ours

These have a room of their own, which no flood of the others touches. It is small, since a stranger
may know a message that brings up such a fault; there too the oldest go.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple, Self

from bouncegate.policy.records import Event
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.entry import digest
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.hourcounts import DROPPED, HourCounts
from bouncegate.store.journaldelete import JournalDelete
from bouncegate.store.layout import SET_ASIDE, UNPROVEN
from bouncegate.store.messages import Messages
from bouncegate.store.table import Table, Transaction

# How many one transaction drops at most: some milliseconds. One report brings one, so that a quota
# that was lowered is reached soon.
_MOST_AT_ONCE: Final = 100
# Each of these has its place in five tables.
_EXPIRE_AT_ONCE: Final = 200


# Messages that were set aside help to find the internal error: a few similar ones are enough.
MOST_SET_ASIDE: Final = 1000
MOST_OCTETS_SET_ASIDE: Final = 64 * 2**20


class Kept(NamedTuple):
    """One report of the quota."""

    time: int
    octets: int
    """Of its message, as it is kept; 0 where that belongs to another event."""
    total: int
    """Of all messages up to and with it."""

    def packed(self) -> bytes:
        """As stored in the table."""
        return _KEPT.pack(*self)

    @classmethod
    def of(cls, octets: bytes) -> Kept:
        """What `packed` gave; raises struct.error."""
        return cls(*_KEPT.unpack(octets))


_KEPT: Final = struct.Struct(">IIQ")


class Unproven(Table):
    """Reports that count for no address, kept within a quota."""

    def __init__(
        self,
        environment: Environment,
        history: History,
        messages: Messages,
        tallies: HourCounts,
        *,
        set_aside: bool = False,
    ) -> None:
        super().__init__(environment)
        table = SET_ASIDE if set_aside else UNPROVEN
        self._table = self._database(table)
        self._history = history
        self._journal = history.journal
        self._removal = JournalDelete(environment, history)
        self._messages = messages
        self._tallies = tallies

    def count(self) -> int:
        """How many are kept."""
        with self._reading() as transaction:
            return self._count(transaction)

    def _count(self, transaction: Transaction) -> int:
        entries: int = transaction.stat(self._table)["entries"]
        return entries

    def events(self) -> list[tuple[int, Event]]:
        """Those that are kept, the oldest first: ten thousand take some 50 ms."""
        with self._reading() as transaction, transaction.cursor(self._table) as cursor:
            keys = cursor.iternext(values=False) if cursor.first() else ()
            numbers = map(number_of, keys)
            return [(number, self._journal.event(transaction, number)) for number in numbers]

    def unattributed(self) -> Unattributed:
        """Which messages they may be about."""
        return Unattributed.of(event for _, event in self.events())

    def add(self, transaction: Transaction, number: int, time: int, octets: int) -> None:
        """Let the last event of the journal, whose message takes so many octets, be one of them."""
        with transaction.cursor(self._table) as cursor:
            before = Kept.of(cursor.value()).total if cursor.last() else 0
        kept = Kept(time, octets, before + octets)
        transaction.put(octets_of(number), kept.packed(), db=self._table)

    def keep_within(self, transaction: Transaction, most: int, size: int) -> None:
        """Drop the oldest beyond the quota, and count them as dropped in the hour of the newest."""
        dropped: dict[int, Kept] = {}
        with transaction.cursor(self._table) as cursor:
            if not cursor.last():
                return
            last = Kept.of(cursor.value())
            excess = self._count(transaction) - most
            cursor.first()
            for key, value in islice(cursor.iternext(), _MOST_AT_ONCE):
                kept = Kept.of(value)
                if len(dropped) >= excess and last.total - kept.total + kept.octets <= size:
                    break
                dropped[number_of(key)] = kept
        for number, kept in dropped.items():
            if (event := self._drop(transaction, number, kept)) is not None:
                self._tallies.add(transaction, DROPPED, event.reason, last.time)

    def expire(self, before: int) -> int:
        """Drop those that came before a time; returns how many."""
        total, dropped = 0, _EXPIRE_AT_ONCE
        while dropped == _EXPIRE_AT_ONCE:
            with self._writing() as transaction:
                dropped = self._expire_some(transaction, before)
            total += dropped
        return total

    def _expire_some(self, transaction: Transaction, before: int) -> int:
        with transaction.cursor(self._table) as cursor:
            items = islice(cursor.iternext(), _EXPIRE_AT_ONCE) if cursor.first() else ()
            known = {number_of(key): Kept.of(value) for key, value in items}
        old = ((number, kept) for number, kept in known.items() if kept.time < before)
        return sum(self._drop(transaction, *one) is not None for one in old)

    def _drop(self, transaction: Transaction, number: int, kept: Kept) -> Event | None:
        """Drop a report; None where it is the last entry, which keeps its number from a second."""
        if number == self._journal.last_within(transaction):
            return None
        event = self._journal.event(transaction, number)
        if event.address:
            self._journal.unindex(transaction, event.address, number)
            self._history.list_bounced(transaction, event.address)
        self._removal.drop_event(transaction, number, event)
        if kept.octets:
            self._messages.delete(transaction, event.raw)
        return event


class Quotas(NamedTuple):
    """Both quotas of a store."""

    unproven: Unproven
    set_aside: Unproven


class Unattributed(NamedTuple):
    """Which messages the reports may be about that name no recipient of a known message.

    A server names whom *it* mailed: after a forwarding that is an address that we never mailed. So
    a proven report of nobody's is about one of the recipients of its message, and nobody can tell
    which; a report that proves nothing may be about any of those whose message it names. While
    there is one, that no bounce of a recipient came is no sign that his mail arrived.
    """

    times: frozenset[int] = frozenset()
    """When they were sent, where nothing else is known of them."""
    names: frozenset[bytes] = frozenset()
    """Digests of queue ids and Message-IDs, as in the ledger."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """That of events that count for no address."""
        times, names = set[int](), set[bytes]()
        for event in events:
            named = {digest(name) for name in (event.queue_id, event.message_id) if name}
            names |= named
            if event.sent and not named:
                times.add(event.sent)
        return cls(frozenset(times), frozenset(names))

    def may_concern(self, time: int, names: Iterable[bytes]) -> bool:
        """Whether one may be about a message of that time, with these digests of its names."""
        return time in self.times or not self.names.isdisjoint(names)
