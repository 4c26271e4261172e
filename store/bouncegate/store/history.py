"""The journal and what it adds up to, changed together.

The state of an address is the fold of its entries without those that a ruling leaves out. What
is new is folded onto what is known; a ruling has the addresses that it touches told anew.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import lmdb

from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import AddressEntry, Event, Ruling, State, Summary
from bouncegate.store.environment import Environment
from bouncegate.store.journal import Journal
from bouncegate.store.rulings import Rulings
from bouncegate.store.state import StateTable
from bouncegate.store.window import Window

_NO_ENTRY: Final = 0
"""The number that a summary has which stands for no entry of the journal."""


class History:
    """Entries and rulings taking effect, within a transaction of the caller's."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self.journal = Journal(environment)
        self.states = StateTable(environment)
        self.rulings = Rulings(environment)
        self.window = Window(environment)

    def apply(
        self,
        transaction: lmdb.Transaction[bytes],
        address: str,
        number: int,
        entry: AddressEntry,
        fold: Fold,
    ) -> tuple[State, State]:
        """Let the last entry take effect on one address; tells its state before and after."""
        if not address:  # a bounce that names nobody: kept, but nobody's
            return EMPTY, EMPTY
        self._remember(transaction, address, number, entry)
        self.journal.index(transaction, address, number)
        before = self.states.get(transaction, address) or EMPTY
        if isinstance(entry, Event) and entry.held:
            self.rulings.hold(transaction, number, entry.held)
            return before, before
        after = fold(before, number, entry)
        self.states.put(transaction, address, before, after)
        return before, after

    def _remember(
        self, transaction: lmdb.Transaction[bytes], address: str, number: int, entry: AddressEntry
    ) -> None:
        """An address that was purged is known again: its locks stand under its name from now on."""
        locked = self.states.purged.pop(transaction, address)
        if locked is not None:
            summary = Summary(locked, _NO_ENTRY, entry.time, entry.time, 0)
            self.journal.summarize(transaction, address, summary)
            self.states.put(transaction, address, EMPTY, locked)
            # Its locks name no entry; a list finds the address by the one that made it known.
            self.states.shelves.name_causes(transaction, locked, number)

    def rule(self, transaction: lmdb.Transaction[bytes], ruling: Ruling, fold: Fold) -> None:
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
            before = self.states.get(transaction, address) or EMPTY
            after = self.fold_of(transaction, address, fold)
            self.states.put(transaction, address, before, after)

    def fold_of(
        self,
        transaction: lmdb.Transaction[bytes],
        address: str,
        fold: Fold,
        without: Collection[int] = (),
    ) -> State:
        """The state of an address, told anew; `without` are events to pass over as well."""
        state = EMPTY
        for number, entry in self.journal.of_address(transaction, address):
            # A summary is no event: no ruling on one leaves it out, whatever its number is.
            is_summary = isinstance(entry, Summary)
            left_out = number in without or self.rulings.leaves_out(transaction, number)
            if is_summary or not left_out:
                state = fold(state, number, entry)
        return state
