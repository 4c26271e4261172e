"""Which addresses are worth looking at for a list, so that its first page is one short range.

    shelves  letter, address -> nothing
               b  a bounce of it is kept, whether or not it counts
               d  bounces count, and it has no lock, not even one that has ended
               g  some group has a lock of its own for it
    ends     end of a lock, 4 octets -> the numbers of the entries that made locks with that end

`b` follows from the journal, all else from the states. The clock frees addresses without a write,
so whoever reads looks at the locks themselves; what is found here only says where to look. `ends`
names entries instead of addresses, since an import makes one entry for a thousand of them; what it
says of a lock that was lifted since is stale, and harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import NO_END, Lock, State
from bouncegate.store.codec import number_of, octets_of
from bouncegate.store.domainindex import BOUNCES, STATE, DomainIndex
from bouncegate.store.environment import Environment
from bouncegate.store.layout import ENDS, SHELVES
from bouncegate.store.table import Table, Transaction

BOUNCED: Final = b"b"
DETECTED: Final = b"d"
GROUPS: Final = b"g"
LETTERS: Final = (DETECTED, GROUPS)
"""Those that follow from the state."""
_END: Final = 4


class ListIndex(Table):
    """Writing and reading them, within a transaction of the caller's."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._shelves = self._database(SHELVES)
        self._ends = self._database(ENDS)
        self.domains: Final = DomainIndex(environment)

    def update(self, transaction: Transaction, key: bytes, before: State, after: State) -> None:
        """Update the index after a change of an address's state; `key` is the address."""
        if after != before:
            self.domains.mark(transaction, key, STATE, is_set=after != EMPTY)
        old, new = lists_of(before), lists_of(after)
        if old != new:
            for letter in old - new:
                transaction.delete(letter + key, db=self._shelves)
            for letter in new - old:
                transaction.put(letter + key, b"", db=self._shelves)
        known = set(locks_of(before))
        for lock in locks_of(after):
            if lock not in known:
                self._name_cause(transaction, lock.until, lock.cause)

    def write(self, transaction: Transaction, key: bytes, state: State) -> None:
        """Write the index of an address, whatever was there before."""
        self.domains.mark(transaction, key, STATE, is_set=state != EMPTY)
        for letter in LETTERS:
            if letter in lists_of(state):
                transaction.put(letter + key, b"", db=self._shelves)
            else:
                transaction.delete(letter + key, db=self._shelves)
        for lock in locks_of(state):
            self._name_cause(transaction, lock.until, lock.cause)

    def add_bounced(self, transaction: Transaction, address: str) -> None:
        """A bounce of an address has come."""
        key = address.encode()
        transaction.put(BOUNCED + key, b"", overwrite=False, db=self._shelves)
        self.domains.mark(transaction, key, BOUNCES, is_set=True)

    def drop_bounced(self, transaction: Transaction, address: str) -> None:
        """No bounce of an address is kept any more."""
        key = address.encode()
        transaction.delete(BOUNCED + key, db=self._shelves)
        self.domains.mark(transaction, key, BOUNCES, is_set=False)

    def name_causes(self, transaction: Transaction, state: State, number: int) -> None:
        """Let the locks of a state be found by an entry that has not made them."""
        for lock in locks_of(state):
            self._name_cause(transaction, lock.until, number)

    def _name_cause(self, transaction: Transaction, until: int, number: int) -> None:
        if until != NO_END:
            end = until.to_bytes(_END, "big")
            transaction.put(end, octets_of(number), dupdata=False, db=self._ends)

    def has(self, transaction: Transaction, letter: bytes, address: str) -> bool:
        """Whether an address is on the shelf of a letter."""
        return transaction.get(letter + address.encode(), db=self._shelves) is not None

    def listed(
        self, transaction: Transaction, letter: bytes, after: bytes, most: int
    ) -> list[bytes]:
        """At most so many addresses of a letter, in order, behind `after`."""
        found: list[bytes] = []
        with transaction.cursor(self._shelves) as cursor:
            if cursor.set_range(letter + after + b"\0"):
                for key in cursor.iternext(values=False):
                    if len(found) == most or not key.startswith(letter):
                        break
                    found.append(key[1:])
        return found

    def ended(self, transaction: Transaction, now: int) -> Iterator[int]:
        """The entries that made locks whose time was up at `now`, the earliest end first."""
        with transaction.cursor(self._ends) as cursor:
            for end, cause in cursor.iternext() if cursor.first() else ():
                if int.from_bytes(end, "big") > now:
                    return
                yield number_of(cause)

    def ends(self, transaction: Transaction, end: int, cause: int) -> Iterator[tuple[int, int]]:
        """Ends of locks and the entries that made them, behind those of an end and an entry."""
        key, value = end.to_bytes(_END, "big"), octets_of(cause + 1)
        with transaction.cursor(self._ends) as cursor:
            if not (cursor.set_range_dup(key, value) or cursor.set_range(_behind(key))):
                return
            for found, number in cursor.iternext():
                yield int.from_bytes(found, "big"), number_of(number)


def _behind(key: bytes) -> bytes:
    return key + b"\0"


def lists_of(state: State) -> set[bytes]:
    """On which of `LETTERS` an address stands."""
    letters: set[bytes] = set()
    grouped = any(streak.lock is not None for streak in state.groups.values())
    if grouped:
        letters.add(GROUPS)
    if (state.hard or state.soft) and state.lock is None and not grouped:
        letters.add(DETECTED)
    return letters


def locks_of(state: State) -> Iterator[Lock]:
    """The locks of an address, for all groups and for single ones."""
    if state.lock is not None:
        yield state.lock
    for streak in state.groups.values():
        if streak.lock is not None:
            yield streak.lock
