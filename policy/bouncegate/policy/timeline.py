"""Why an address is locked, or is not: its journal told step by step.

Each step says what an entry did to the counts and the lock under the policy in force, by the
very fold that makes the state; so what is told here cannot differ from what was done.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import BY_LIST, Kind
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import EMPTY, Policy, is_locked
from bouncegate.policy.protection import needs_force, protection
from bouncegate.policy.records import (
    NO_END,
    Act,
    Event,
    JournalEntry,
    Lock,
    Origin,
    State,
    Streak,
    Summary,
)

_EFFECTS: Final = {"lock": "locked", "unlock": "unlocked", "alive": "alive", "release": "released",
    "correct": "corrected", "renew": "renewed", "recover": "recovered"}  # fmt: skip

Mark = Literal["", "void", "held", "unconfirmed"]
"""Why the fold passes over an entry: it was voided, an incident holds it, or DNS has not confirmed
what it says of a domain."""


LACKS_DAYS: Final = "needs-another-day"
"""The effect of a bounce that locks only with one from another day."""


_COUNT: Final = frozenset({"locked", "counted", "locked-already", LACKS_DAYS})


class Step(NamedTuple):
    """One entry of an address and what it did."""

    number: int
    entry: JournalEntry
    effect: str
    """A stable word: `locked`, `counted`, `needs-another-day`, `locked-already`, `unlocked`,
    `alive`, `released`, `corrected`, `renewed`, `recovered`, `delivered`, `summarized`, `void`,
    `held`, `unconfirmed`, or why it did not count (`bouncegate.policy.disposition.Disposition`)."""
    row: str
    """Where the policy table says what became of a bounce that counts; empty for the rest."""
    after: State


def steps(entries: Iterable[tuple[int, JournalEntry, Mark]], policy: Policy) -> Iterator[Step]:
    """The entries of one address, in the order of their numbers, each with its effect."""
    state = EMPTY
    for number, entry, mark in entries:
        after = state if mark else policy.fold(state, number, entry)
        effect, row = (mark, "") if mark else _told(entry, state, after, policy)
        yield Step(number, entry, effect, row, after)
        state = after


def counts(step: Step) -> bool:
    """Whether a bounce counts against its address."""
    return step.effect in _COUNT


def that_lacks_days(timeline: Iterable[Step], now: int) -> Step | None:
    """The last bounce that locks only with one from another day; None if nothing waits for that."""
    found, state = None, EMPTY
    for step in timeline:
        state = step.after
        if step.effect == LACKS_DAYS:
            found = step
        elif not (state.hard_in_row or state.soft_in_row or state.groups):
            found = None
    return None if found is None or is_locked(state, now) else found


def _told(entry: JournalEntry, before: State, after: State, policy: Policy) -> tuple[str, str]:
    """The effect of an entry, and the row of the policy table that decided."""
    if not isinstance(entry, Event):
        return _done(entry), ""
    if policy.proves_delivery(entry):
        return "delivered", ""
    disposition = policy.disposition(entry, before)
    if disposition is Disposition.COUNTS:
        effect = _effect(before, after, entry.group)
        if effect == "counted" and policy.lacks_days(entry, after):
            effect = LACKS_DAYS
        return effect, policy.row(entry).name
    return disposition, policy.row(entry).name if disposition is Disposition.NEVER_LOCKS else ""


def _done(entry: JournalEntry) -> str:
    if isinstance(entry, Summary):
        return "summarized"
    return _EFFECTS[entry.verb] if isinstance(entry, Act) else "delivered"


def _effect(before: State, after: State, group: str) -> str:
    """What a bounce that counts did to the lock for all groups, or for its own."""
    for old, new in ((before, after), (before.groups.get(group), after.groups.get(group))):
        if new is not None and new.lock is not None and (old is None or new.lock != old.lock):
            return "locked"
    return "locked-already" if after.lock or streak_of(after, group).lock else "counted"


def streak_of(state: State, group: str) -> Streak:
    """The streak of one group, else that of all."""
    return state.groups.get(group, state)


Way = Literal["end", "leaves-list", "delivery", "alive", "unlock", "unlock-force"]
"""What ends a lock: its day, its leaving the list that made it, a delivery that turns out to lie
between its failures, a sign of life, an operator, or only one who forces it."""


def what_would_free(lock: Lock | None, now: int, settings: PolicySettings) -> tuple[Way, ...]:
    """What ends a lock; nothing if none is in force."""
    if lock is None or not lock.in_force(now):
        return ()
    ways: list[Way] = ["end"] if lock.until != NO_END else []
    if protection(lock) == "complaint":
        return (*ways, "unlock-force")
    automatic, hard = lock.origin is Origin.AUTOMATIC, lock.kind is Kind.HARD
    force = needs_force(lock, unlock_hard=settings.unlock_hard)
    if lock.reason in BY_LIST:
        ways.append("leaves-list")
    elif automatic and not hard:
        ways.append("delivery")
    if (automatic and not hard) or (lock.origin is not Origin.MANUAL and settings.alive_frees_hard):
        ways.append("alive")
    return (*ways, "unlock-force" if force else "unlock")
