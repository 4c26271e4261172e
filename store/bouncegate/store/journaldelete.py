"""Taking entries out of the journal, with all that names them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from bouncegate.policy.records import AddressEntry, Event
from bouncegate.store.codec import octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.layout import ONCE, SET_ASIDE, UNPROVEN
from bouncegate.store.table import Table, Transaction

Leaving = defaultdict[int, set[str]]
"""The numbers of entries on many addresses, each with those that it is to name no longer."""


class JournalDelete(Table):
    """Within a transaction of the caller's."""

    def __init__(self, environment: Environment, history: History) -> None:
        super().__init__(environment)
        self._history = history
        self._once = self._database(ONCE)
        self._quotas = [self._database(name) for name in (UNPROVEN, SET_ASIDE)]

    def take_out(
        self,
        transaction: Transaction,
        address: str,
        numbers: Iterable[int],
        leaving: Leaving,
    ) -> None:
        """Take entries of an address out of the journal.

        Those that concern others too are only noted: `settle` writes each of them once.
        """
        journal = self._history.journal
        for number in numbers:
            journal.unindex(transaction, address, number)
            entry = journal.get(transaction, number)
            if isinstance(entry, Event):
                self.drop_event(transaction, number, entry)
            else:
                leaving[number].add(address)
        self._history.list_bounced(transaction, address)

    def settle(self, transaction: Transaction, leaving: Leaving) -> None:
        """Let entries name those no longer who are leaving; without anybody left they go."""
        journal = self._history.journal
        for number in sorted(leaving):
            entry = journal.get(transaction, number)
            assert isinstance(entry, AddressEntry), f"entry {number} concerns no address"
            assert not isinstance(entry, Event), f"entry {number} concerns one address alone"
            left = tuple(name for name in entry.addresses if name not in leaving[number])
            journal.rewrite(transaction, number, replace(entry, addresses=left) if left else None)
        leaving.clear()

    def drop_event(self, transaction: Transaction, number: int, event: Event) -> None:
        """Drop an event, its identity, its marks and its place in the quota, if it has one."""
        if event.identity:
            transaction.delete(event.identity, db=self._once)
        for quota in self._quotas:
            transaction.delete(octets_of(number), db=quota)
        self._history.rulings.forget(transaction, number)
        self._history.window.remove(transaction, event, number)
        self._history.journal.rewrite(transaction, number, None)
