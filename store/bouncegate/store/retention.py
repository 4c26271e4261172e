"""How long things are kept: what is old goes, and what rests on it stays as it is.

The state of an address is the fold of its journal. When its oldest entries go, a summary takes
their place: the state that they added up to, with which the fold of the rest begins. An address
stays out of it for as long as a lock of it is in force: `explain` can name what locked it. Neither
goes what is held for an incident, nor what came behind that; and the last entry of all is kept, so
that no number is given twice.

An entry is deleted only if every lock that it and those before it have made had ended before the
next one came: without the entry that made it, an ended lock could not be recomputed. Such a lock is
left out of the summary, as the next bounce would leave it out.

All of it is done in transactions of some milliseconds; a process that is killed has done a part.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from bouncegate.policy.fold import EMPTY, Fold, freed, is_locked
from bouncegate.policy.records import (
    AddressEntry,
    Entry,
    Event,
    JournalEntry,
    Ruling,
    State,
    Summary,
)
from bouncegate.store.audit import Audits
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.hourcounts import HourCounts
from bouncegate.store.journaldelete import JournalDelete, Leaving
from bouncegate.store.meta import RetentionMark
from bouncegate.store.table import Table, Transaction

# No longer than this, and one address more, is the write lock held.
_SECONDS: Final = 0.02
# LMDB's write lock is not fair: a process that takes it again at once may starve all others.
_BREATH: Final = 0.002
_PORTION: Final = 1000
# The entries of one address that one transaction looks at: some twenty milliseconds. More of them
# within one lock are kept: so many come only to an address that is mailed all the same.
_MOST_OF_ONE: Final = 600
# What was dated before the end of a lock may come so long after it, by a log that is read late or a
# DSN from a slow queue: until then the lock must be recomputed.
_LATEST: Final = 10 * 86_400

Stop = Callable[[], bool]
_T = TypeVar("_T")


class _Round(NamedTuple):
    """What is old, and how its summary is made."""

    before: int
    ended: int
    """A lock that has ended by then is no longer recomputed."""
    fold: Fold
    leaving: Leaving


class _Cut(NamedTuple):
    """Up to where the entries of an address go."""

    numbers: Sequence[int]
    state: State
    """What they add up to."""
    last: AddressEntry


class Retention(Table):
    """Letting go of what is old, in one store; all methods raise StoreError."""

    def __init__(
        self, environment: Environment, history: History, audits: Audits, hourcounts: HourCounts
    ) -> None:
        super().__init__(environment)
        self._history = history
        self._audits = audits
        self._hourcounts = hourcounts
        self._removal = JournalDelete(environment, history)
        self._gone = RetentionMark(environment)

    # -- the journal -------------------------------------------------------------------------

    def expire_entries(self, before: int, now: int, fold: Fold, stop: Stop = lambda: False) -> int:
        """Let the entries go that came before a time, as far as nothing rests on them.

        `fold` makes their summary. Returns how many went.
        """
        round_ = _Round(before, now - _LATEST, fold, defaultdict(set))
        position, gone = 1, 0
        while position and not stop():
            portion, position = self._old(position, before)
            gone += self._in_short(
                self._of_whom(portion, round_.ended),
                lambda transaction, name: self._forget(transaction, name, round_),
                lambda transaction: self._removal.settle(transaction, round_.leaving),
            )
            nobodys = (number for number, entry in portion if not any(_names(entry)))
            gone += self._in_short(nobodys, self._drop_nobodys)
        return gone

    def _old(self, position: int, before: int) -> tuple[list[tuple[int, Entry]], int]:
        """The old ones of the next entries from a number on, and where to go on; 0 at the end.

        The last entry of the journal is never among them.
        """
        journal = self._history.journal
        with self._reading() as transaction:
            last = journal.last_within(transaction)
            portion = list(islice(journal.entries_within(transaction, position), _PORTION))
            found = [(n, entry) for n, entry in portion if entry.time < before and n != last]
            if found:
                return found, portion[-1][0] + 1
            return [], self._next_old(transaction, portion[-1][0] + 1, before) if portion else 0

    def _next_old(self, transaction: Transaction, position: int, before: int) -> int:
        """Where old entries may follow behind some that are not; 0 where none do.

        Entries lie out of order where a clock was wrong, so not all behind a young one are young:
        one in a portion is looked at.
        """
        journal = self._history.journal
        last = journal.last_within(transaction)
        for probe in range(position, last, _PORTION):
            _, entry = next(journal.entries_within(transaction, probe))
            if entry.time < before:
                return max(position, probe - _PORTION + 1)
        return 0

    def _of_whom(self, portion: Iterable[tuple[int, Entry]], ended: int) -> list[str]:
        """Whom these entries concern and no lock holds: looked at without the write lock."""
        names = dict.fromkeys(name for _, entry in portion for name in _names(entry) if name)
        with self._reading() as transaction:
            states = self._history.addresses
            return [
                n for n in names if not is_locked(states.get_within(transaction, n) or EMPTY, ended)
            ]

    def _forget(self, transaction: Transaction, address: str, round_: _Round) -> int:
        """Let the old entries of one address go; returns how many did."""
        journal, states = self._history.journal, self._history.addresses
        state = states.get_within(transaction, address) or EMPTY
        if is_locked(state, round_.ended):
            return 0
        entries = list(islice(journal.of_address_within(transaction, address), _MOST_OF_ONE))
        known = entries[0][1] if entries and isinstance(entries[0][1], Summary) else None
        rest = journal.numbers(transaction, address)
        cut = self._cut(transaction, entries, len(rest), round_)
        if cut is None:
            return 0
        rest = rest[len(cut.numbers) :]
        after = freed(state, round_.ended, rest)
        states.put(transaction, address, state, after)
        summary = Summary(
            cut.state if rest else after,
            cut.numbers[-1],
            cut.last.time,
            known.first_time if known else journal.get(transaction, cut.numbers[0]).time,
            (known.entries if known else 0) + len(cut.numbers),
        )
        is_empty = summary.state == EMPTY
        journal.summarize(transaction, address, None if is_empty else summary)
        self._removal.take_out(transaction, address, cut.numbers, round_.leaving)
        self._gone.note(transaction, cut.last.time)
        return len(cut.numbers)

    def _cut(
        self,
        transaction: Transaction,
        entries: Sequence[tuple[int, JournalEntry]],
        kept: int,
        round_: _Round,
    ) -> _Cut | None:
        """How many of the first entries can go; `kept` is how many there are in all."""
        rulings, last = self._history.rulings, self._history.journal.last_within(transaction)
        state, cut = EMPTY, None
        numbers: list[int] = []
        for position, (number, entry) in enumerate(entries):
            if isinstance(entry, Summary):
                state = entry.state
                continue
            if (
                entry.time >= round_.before
                or number == last
                or rulings.is_held(transaction, number)
            ):
                break
            if not rulings.is_void(transaction, number):
                state = round_.fold(state, number, entry)
            numbers.append(number)
            if len(numbers) == kept:
                return _Cut(numbers, state, entry)
            if position + 1 < len(entries):
                # A bounce that is dated ahead has ended no lock for good: it may be undone.
                following = min(entries[position + 1][1].time, round_.ended)
                if not is_locked(state, following):
                    cut = _Cut(tuple(numbers), freed(state, following), entry)
        return cut

    def _drop_nobodys(self, transaction: Transaction, number: int) -> int:
        """Drop a bounce without an address, or a ruling whose events are all deleted."""
        journal = self._history.journal
        entry = journal.get(transaction, number) if journal.exists(transaction, number) else None
        if isinstance(entry, Event):
            self._removal.drop_event(transaction, number, entry)
            self._gone.note(transaction, entry.time)
            return 1
        if not isinstance(entry, Ruling):
            return 0
        if any(journal.exists(transaction, event) for event in entry.numbers):
            return 0
        journal.rewrite(transaction, number, None)
        return 1

    # -- addresses ---------------------------------------------------------------------------

    def expire_addresses(self, before: int, now: int, stop: Stop = lambda: False) -> int:
        """Forget the addresses of which nothing came since a time and that no lock holds.

        Only those whose entries have all gone. Returns how many they were.
        """
        journal, after, gone = self._history.journal, "", 0
        while not stop():
            with self._reading() as transaction:
                portion = journal.summaries(transaction, after, _PORTION)
            old = (name for name, summary in portion if summary.time < before)
            gone += self._in_short(old, lambda t, name: self._forget_address(t, name, before, now))
            if len(portion) < _PORTION:
                break
            after = portion[-1][0]
        return gone

    def _forget_address(self, transaction: Transaction, address: str, before: int, now: int) -> int:
        journal, states = self._history.journal, self._history.addresses
        summary = journal.summary(transaction, address)
        state = states.get_within(transaction, address) or EMPTY
        if summary is None or summary.time >= before or is_locked(state, now):
            return 0
        if journal.numbers(transaction, address):
            return 0
        journal.summarize(transaction, address, None)
        states.put(transaction, address, state, EMPTY)
        states.index.drop_bounced(transaction, address)
        return 1

    # -- records of operators, counts --------------------------------------------------------

    def expire_purged(self, now: int) -> int:
        """Forget the locks of purged addresses that have ended; returns how many addresses."""
        with self._writing() as transaction:
            return self._history.addresses.purged.expire(transaction, now)

    def expire_audits(self, before: int, stop: Stop = lambda: False) -> int:
        """Forget what operators did before a time; returns how many records that were."""
        return self._in_portions(lambda t: self._audits.expire(t, before, _PORTION), stop)

    def expire_hourcounts(self, before: int, stop: Stop = lambda: False) -> int:
        """Forget whom the bounces of hours before a time blamed; returns how many counts."""
        return self._in_portions(lambda t: self._hourcounts.expire(t, before, _PORTION), stop)

    # -- short transactions ------------------------------------------------------------------

    def _in_portions(self, forget: Callable[[Transaction], int], stop: Stop) -> int:
        gone, more = 0, True
        while more and not stop():
            with self._writing() as transaction:
                found = forget(transaction)
            gone, more = gone + found, found == _PORTION
            time.sleep(_BREATH)
        return gone

    def _in_short(
        self,
        items: Iterable[_T],
        do: Callable[[Transaction, _T], int],
        settle: Callable[[Transaction], None] = lambda _: None,
    ) -> int:
        """Do it with each item, as many in a transaction as its time allows; settle it there."""
        waiting, done = iter(items), 0
        for item in waiting:
            with self._writing() as transaction:
                end = time.monotonic() + _SECONDS
                done += do(transaction, item)
                while time.monotonic() < end and (following := list(islice(waiting, 1))):
                    done += do(transaction, *following)
                settle(transaction)
            time.sleep(_BREATH)
        return done


def _names(entry: Entry) -> tuple[str, ...]:
    """Whom an entry concerns."""
    if isinstance(entry, Event):
        return (entry.address,)
    return entry.addresses if isinstance(entry, AddressEntry) else ()
