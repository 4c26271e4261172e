"""Why an address is locked, or is not: its journal told step by step.

Each step says what an entry did to the counts and the lock under the policy in force, by the
very fold that makes the state; so what is told here cannot differ from what was done.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from bouncegate.policy.fold import EMPTY, Policy, Standing
from bouncegate.policy.records import Act, AddressEntry, State

Mark = Literal["", "void", "held"]
"""Why the fold passes over an entry: an operator or the guard has voided it, or it is held."""


class Step(NamedTuple):
    """One entry of an address and what it did."""

    number: int
    entry: AddressEntry
    effect: str
    """A stable word: `locked`, `counted`, `locked-already`, `unlocked`, `void`, `held`, or why it
    did not count (`bouncegate.policy.fold.Standing`)."""
    after: State


def steps(entries: Iterable[tuple[int, AddressEntry, Mark]], policy: Policy) -> Iterator[Step]:
    """The entries of one address, in the order of their numbers, each with its effect."""
    state = EMPTY
    for number, entry, mark in entries:
        after = state if mark else policy.fold(state, number, entry)
        yield Step(number, entry, mark or _effect(entry, state, after, policy), after)
        state = after


def _effect(entry: AddressEntry, before: State, after: State, policy: Policy) -> str:
    if isinstance(entry, Act):
        return f"{entry.verb}ed"
    standing = policy.standing(entry, before)
    if standing is not Standing.COUNTS:
        return standing
    if after.lock is None:
        return "counted"
    return "locked-already" if after.lock == before.lock else "locked"


def what_would_free(state: State, now: int, *, unlock_hard: bool) -> str:
    """What ends the lock of an address, in words; empty where there is none in force."""
    lock = state.lock
    if lock is None or not lock.in_force(now):
        return ""
    force = lock.kind == "hard" and lock.origin == "automatic" and not unlock_hard
    by_hand = "bouncegate unlock --force" if force else "bouncegate unlock"
    return f"its end, or {by_hand}"
