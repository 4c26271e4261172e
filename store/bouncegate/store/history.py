"""The journal and what it adds up to, changed together.

The state of an address is the fold of its entries without those that a ruling leaves out. A new
entry is folded onto the known state; after a ruling, the affected addresses are recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

from bouncegate.policy.addressstate import is_bounce
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.protection import covers
from bouncegate.policy.records import AddressEntry, Event, JournalEntry, Ruling, State, Summary
from bouncegate.policy.timeline import Mark
from bouncegate.policy.unconfirmed import awaits_dns
from bouncegate.store.addresses import Addresses
from bouncegate.store.environment import Environment
from bouncegate.store.journal import Journal
from bouncegate.store.outbox import Outbox
from bouncegate.store.rulings import Rulings
from bouncegate.store.table import Table, Transaction
from bouncegate.store.window import Window, series_of

_NO_ENTRY: Final = 0
"""The number of a summary that replaces no entry of the journal."""


class Effect(NamedTuple):
    """What voiding events would do."""

    events: int
    addresses: int
    locks: int
    """How many of those addresses are locked."""
    lifted: int
    """How many of those locks would go; other evidence supports the rest."""


class History(Table):
    """Entries and rulings taking effect on addresses."""

    def __init__(
        self,
        environment: Environment,
        journal: Journal | None = None,
        addresses: Addresses | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        super().__init__(environment)
        self._outbox = outbox or Outbox(environment)
        self.journal: Final = journal or Journal(environment)
        self.addresses: Final = addresses or Addresses(environment)
        self.rulings: Final = Rulings(environment)
        self.window: Final = Window(environment)

    def of_address(self, address: str) -> list[tuple[int, JournalEntry, Mark]]:
        """The journal of one address, each entry with why it is left out, if it is.

        What waits for a shared log comes last, with provisional numbers.
        """
        found: list[tuple[int, JournalEntry, Mark]] = []
        with self._reading() as transaction:
            for number, entry in self.journal.of_address_within(transaction, address):
                found.append((number, entry, self.rulings.mark(transaction, number)))
            for number, waiting in self._outbox.entries_of(transaction, address):
                found.append((number, waiting, self._mark_of_waiting(transaction, waiting)))
        return found

    def _mark_of_waiting(self, transaction: Transaction, entry: AddressEntry) -> Mark:
        if not isinstance(entry, Event):
            return ""
        if awaits_dns(entry):
            return "unconfirmed"
        windows = (self.window, self._outbox.window)
        of_all = (one.state(transaction, s).incident for one in windows for s in series_of(entry))
        return "held" if any(of_all) else ""

    def waiting(self, number: int, address: str) -> AddressEntry | None:
        """What waits of an address under a provisional number; None where it waits no more."""
        with self._reading() as transaction:
            return dict(self._outbox.entries_of(transaction, address)).get(number)

    def by_address(self) -> Iterator[tuple[str, State, Sequence[tuple[int, JournalEntry, Mark]]]]:
        """Each address of which anything came: what the store holds, and what it is made of."""
        mark = self.rulings.mark
        with self._reading() as transaction:
            for address, entries in self.journal.by_address(transaction):
                state = self.addresses.get_within(transaction, address) or EMPTY
                yield address, state, [(n, entry, mark(transaction, n)) for n, entry in entries]

    def find(self, wanted: Callable[[Event], bool]) -> list[int]:
        """The numbers of the events that are wanted and not void: reads the whole journal."""
        with self._reading() as transaction:
            return [
                number
                for number, entry in self.journal.entries_within(transaction)
                if isinstance(entry, Event)
                and wanted(entry)
                and not self.rulings.is_void(transaction, number)
            ]

    def effect(self, numbers: Collection[int], fold: Fold, now: int) -> Effect:
        """What it would do to void these events."""
        without = frozenset(numbers)
        locks = lifted = 0
        with self._reading() as transaction:
            event = self.journal.event
            addresses = {event(transaction, number).address for number in without} - {""}
            for address in addresses:
                lock = (self.addresses.get_within(transaction, address) or EMPTY).lock
                if lock is not None and lock.in_force(now):
                    left = self.fold_of(transaction, address, fold, without).lock
                    locks += 1
                    lifted += left is None or not left.in_force(now)
        return Effect(len(without), len(addresses), locks, lifted)

    def uncovered(self, address: str, fold: Fold) -> State:
        """What the address would be without locks made by hand: one may lie over a hard one."""
        with self._reading() as transaction:
            entries = self.journal.of_address_within(transaction, address)
            by_hand = {number for number, entry in entries if covers(entry)}
            return self.fold_of(transaction, address, fold, by_hand)

    def apply(
        self,
        transaction: Transaction,
        address: str,
        number: int,
        entry: AddressEntry,
        fold: Fold,
    ) -> tuple[State, State]:
        """Let the last entry take effect on one address; returns its state before and after."""
        if not address:  # a bounce without an address: kept, but counted for none
            return EMPTY, EMPTY
        self._remember(transaction, address, number, entry)
        self.journal.index(transaction, address, number)
        if is_bounce(entry):
            self.addresses.index.add_bounced(transaction, address)
        before = self.addresses.get_within(transaction, address) or EMPTY
        if isinstance(entry, Event) and entry.held:
            self.rulings.hold(transaction, number, entry.held)
            return before, before
        after = fold(before, number, entry)
        self.addresses.put(transaction, address, before, after)
        return before, after

    def has_bounced(self, transaction: Transaction, address: str) -> bool:
        """Whether any bounce of an address is kept, or a summary of some."""
        entries = self.journal.of_address_within(transaction, address)
        return any(is_bounce(entry) for _, entry in entries)

    def list_bounced(self, transaction: Transaction, address: str) -> None:
        """List an address among those that bounced, or not, after entries have gone."""
        if self.has_bounced(transaction, address):
            self.addresses.index.add_bounced(transaction, address)
        else:
            self.addresses.index.drop_bounced(transaction, address)

    def _remember(
        self, transaction: Transaction, address: str, number: int, entry: AddressEntry
    ) -> None:
        """An address that was purged is known again: its locks are stored under its name again."""
        locked = self.addresses.purged.pop(transaction, address)
        if locked is not None:
            summary = Summary(locked, _NO_ENTRY, entry.time, entry.time, 0)
            self.journal.summarize(transaction, address, summary)
            self.addresses.put(transaction, address, EMPTY, locked)
            # Its locks name no entry; a list finds the address by the one that made it known.
            self.addresses.index.name_causes(transaction, locked, number)

    def rule(self, transaction: Transaction, ruling: Ruling, fold: Fold) -> None:
        """Let a ruling take effect on its events, and on the addresses that they concern."""
        ruling_number = self.journal.append(transaction, ruling)
        touched: set[str] = set()
        for number in ruling.numbers:
            event = self.journal.event(transaction, number)
            was_left_out = self.rulings.leaves_out(transaction, number)
            if ruling.verb == "hold":
                self.rulings.hold(transaction, number, ruling.incident)
            else:
                self.rulings.release(transaction, number)
                self.window.remove(transaction, event, number)
            if ruling.verb == "void":
                self.rulings.void(transaction, number, ruling_number)
            if self.rulings.leaves_out(transaction, number) is not was_left_out:
                touched.add(event.address)
        for address in sorted(touched - {""}):  # in order, pages are filled to the brim
            before = self.addresses.get_within(transaction, address) or EMPTY
            after = self.fold_of(transaction, address, fold)
            self.addresses.put(transaction, address, before, after)

    def fold_of(
        self,
        transaction: Transaction,
        address: str,
        fold: Fold,
        without: Collection[int] = (),
    ) -> State:
        """The recomputed state of an address; `without` are events to leave out as well."""
        state = EMPTY
        for number, entry in self.journal.of_address_within(transaction, address):
            # A summary is no event: no ruling on one leaves it out, whatever its number is.
            is_summary = isinstance(entry, Summary)
            left_out = number in without or self.rulings.leaves_out(transaction, number)
            if is_summary or not left_out:
                state = fold(state, number, entry)
        return state
