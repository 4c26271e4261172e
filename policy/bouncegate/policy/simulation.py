"""What if: what another policy, or other rules, would have made of what really came.

Replays the history of each address and compares the result with the store. Pure: histories,
verdicts and the clock are passed in.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import Event, JournalEntry, Lock, State
from bouncegate.policy.timeline import Mark

Rejudge = Callable[[Event], Event]
"""The event as other rules judge it."""
History = Iterable[tuple[int, JournalEntry, Mark]]
"""The entries of one address in order, each with its number and why it is left out, if it is."""


class Change(NamedTuple):
    """What becomes of one lock: of an address, or of an address for one group."""

    address: str
    group: str
    what: Literal["locked", "freed", "ends"]
    """`ends`: on another day than now."""
    before: Lock | None
    after: Lock | None


class Totals(Struct):
    """What a simulation has come to."""

    addresses: int = 0
    events: int = 0
    rejudged: int = 0
    """Events that other rules see otherwise."""
    locks_before: int = 0
    locks_after: int = 0
    locked: int = 0
    freed: int = 0
    ends: int = 0
    needs_another_day: int = 0
    """Addresses that would not be locked, since their bounces came from too few days."""
    differing: int = 0
    """Addresses of which anything at all would be known otherwise, counts included."""


def as_judged(event: Event) -> Event:
    """The event with the verdict that it has: no other rules are tried."""
    return event


class Simulation:
    """Replays histories under another policy from a time on, and adds up what changes."""

    def __init__(
        self,
        in_force: Policy,
        other: Policy,
        now: int,
        *,
        rejudge: Rejudge = as_judged,
        since: int = 0,
    ) -> None:
        """Locks are compared as they stand `now`; before `since` the policy in force decides."""
        self._in_force = in_force
        self._other = other
        self._rejudge = rejudge
        self._now = now
        self._since = since
        self.totals: Final = Totals()

    def replay(self, address: str, stored: State, history: History) -> list[Change]:
        """What would become of one address; adds to the totals."""
        after, lacks_days = self._folded(history)
        totals = self.totals
        totals.addresses += 1
        totals.differing += after != stored
        before_locks, after_locks = self._locks(stored), self._locks(after)
        totals.locks_before += len(before_locks)
        totals.locks_after += len(after_locks)
        totals.needs_another_day += lacks_days and not after_locks
        changes = list(_changes(address, before_locks, after_locks))
        for change in changes:
            setattr(totals, change.what, getattr(totals, change.what) + 1)
        return changes

    def _folded(self, history: History) -> tuple[State, bool]:
        """What the history comes to, and whether its last bounce that counts lacks a day."""
        state = EMPTY
        lacks_days = False
        for number, entry, mark in history:
            self.totals.events += isinstance(entry, Event)
            if mark:
                continue
            if entry.time < self._since:
                state = self._in_force.fold(state, number, entry)
            else:
                judged = self._judged(entry)
                before, state = state, self._other.fold(state, number, judged)
                if isinstance(judged, Event):
                    lacks_days |= self._lacks_days(judged, before, state)
                elif state != before:
                    lacks_days = False
        return state, lacks_days

    def _lacks_days(self, event: Event, before: State, after: State) -> bool:
        counts = self._other.disposition(event, before) is Disposition.COUNTS
        return counts and self._other.lacks_days(event, after)

    def _judged(self, entry: JournalEntry) -> JournalEntry:
        if not isinstance(entry, Event):
            return entry
        judged = self._rejudge(entry)
        self.totals.rejudged += judged is not entry
        return judged

    def _locks(self, state: State) -> dict[str, Lock]:
        """The locks in force, by group; that of all groups under the empty name."""
        streaks = {"": state, **state.groups} if state.groups else {"": state}
        return {
            group: streak.lock
            for group, streak in streaks.items()
            if streak.lock is not None and streak.lock.in_force(self._now)
        }


def _changes(address: str, before: dict[str, Lock], after: dict[str, Lock]) -> Iterator[Change]:
    for group in sorted(before.keys() | after.keys()):
        old, new = before.get(group), after.get(group)
        if old is None:
            yield Change(address, group, "locked", old, new)
        elif new is None:
            yield Change(address, group, "freed", old, new)
        elif old.until != new.until:
            yield Change(address, group, "ends", old, new)
