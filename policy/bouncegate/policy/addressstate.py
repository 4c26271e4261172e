"""What is true of an address at a time: the one answer for every list, command and look-up.

The clock frees addresses without a write: a state in the store may hold locks that have ended, and
failures that were in a row until then. Nothing shows a state without asking here.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from bouncegate.config.taxonomy import Kind, ReportedKind
from bouncegate.policy.fold import EMPTY, freed
from bouncegate.policy.records import Event, JournalEntry, Lock, State, Summary

StateName = Literal["locked", "detected", "bounced", "free", "unknown"]
"""`locked`: a lock is in force, for all mail or for one group. `detected`: bounces have counted
since the last sign of life, and no lock is in force. `bounced`: there are bounces, and none of them
counts now. `free`: something is known, but no bounce. `unknown`: nothing is."""

ALL_MAIL: Final = ""
"""The scope of a lock that is not for one group."""


class ScopedLock(NamedTuple):
    """A lock and the mail that it is for."""

    scope: str
    """The group; `ALL_MAIL`: any group."""
    lock: Lock


def locks_of(state: State) -> list[ScopedLock]:
    """All locks, ended ones too: that for all mail, then those of groups by name."""
    locks = [ScopedLock(ALL_MAIL, state.lock)] if state.lock is not None else []
    for group in sorted(state.groups):
        lock = state.groups[group].lock
        if lock is not None:
            locks.append(ScopedLock(group, lock))
    return locks


def locks_at(state: State, now: int) -> list[ScopedLock]:
    """The locks in force."""
    return [found for found in locks_of(state) if found.lock.in_force(now)]


def lock_for(state: State, now: int, group: str) -> ScopedLock | None:
    """The lock that stops mail of a group; without a group, of a sender that is in none."""
    applies = (found for found in locks_at(state, now) if found.scope in (ALL_MAIL, group))
    return next(applies, None)


def is_bounce(entry: JournalEntry) -> bool:
    """Whether an entry tells of a failure, whoever is to blame and whether or not it counts."""
    if isinstance(entry, Summary):
        return has_counted(entry.state)
    return isinstance(entry, Event) and entry.kind in (Kind.HARD, Kind.SOFT)


def blocked_in(counts: Mapping[str, int]) -> int:
    """How many of the bounces counted by kind/category blame the sender."""
    return sum(n for label, n in counts.items() if label.startswith(f"{ReportedKind.BLOCKED}/"))


def hard_of(state: State) -> int:
    """The hard bounces that count and do not blame the sender."""
    return state.hard - blocked_in(state.categories)


def has_counted(state: State) -> bool:
    """Whether bounces have counted since the last sign of life."""
    return bool(state.hard or state.soft)


def is_detected(state: State, now: int) -> bool:
    """Whether bounces have counted and no lock is in force, not even for one group."""
    return has_counted(state) and not locks_at(state, now)


def name_at(state: State, now: int, *, has_bounced: bool) -> StateName:
    """The state of an address in a word; `has_bounced`: whether any bounce of it is kept."""
    if locks_at(state, now):
        return "locked"
    if has_counted(state):
        return "detected"
    if has_bounced:
        return "bounced"
    return "unknown" if state == EMPTY else "free"


def state_at(state: State, now: int) -> State:
    """The state without what has ended: no lock of the past, and no failures in a row before it."""
    return freed(state, now)
