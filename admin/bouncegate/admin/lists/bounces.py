"""The bounces of an address as rows of a list, each with what came of it.

They are told by the journal under the policy in force, as `explain` tells them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.lists.row import Row
from bouncegate.config.taxonomy import Category, Kind
from bouncegate.policy.addressstate import (
    ALL_MAIL,
    ScopedLock,
    blocked_in,
    hard_of,
    is_bounce,
    lock_for,
    locks_at,
    name_at,
    state_at,
)
from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event, JournalEntry, State, Summary
from bouncegate.policy.timeline import Mark, Step, counts, steps

_OTHERS: Final = frozenset(f"{Kind.COMPLAINT}/{category}" for category in Category)
"""What a summary counts as well."""


class _Bounced(NamedTuple):
    """One bounce and what came of it."""

    event: Event
    step: Step


def bounces_in(entries: Iterable[JournalEntry]) -> Counter[str]:
    """How many bounces these are by kind/category, whether or not they count."""
    known = Counter[str]()
    for entry in entries:
        if isinstance(entry, Summary):
            seen = entry.state.categories.items()
            known.update({label: number for label, number in seen if label not in _OTHERS})
        elif isinstance(entry, Event) and is_bounce(entry):
            known[f"{reported_kind(entry)}/{entry.category}"] += 1
    return known


class BounceRows:
    """Makes the rows of addresses that bounced."""

    def __init__(self, policy: Policy, now: int) -> None:
        """Under this policy, as they are at `now`."""
        self._policy: Final = policy
        self._now: Final = now

    def rows(
        self,
        address: str,
        state: State,
        entries: Sequence[tuple[int, JournalEntry, Mark]],
        of_domain: ScopedLock | None = None,
    ) -> Iterator[Row]:
        """A row for each bounce, the last one first; `of_domain` is the lock of its domain.

        Where none but a summary of them is kept, a row that names no bounce; without any, none.
        """
        bounced = [
            _Bounced(step.entry, step)
            for step in steps(entries, self._policy)
            if isinstance(step.entry, Event) and is_bounce(step.entry)
        ]
        known = bounces_in(entry for _, entry, _ in entries)
        if not known:
            return
        base = self._base(address, state_at(state, self._now), known, of_domain)
        counted = [event for event, step in bounced if counts(step)]
        for event, step in reversed(bounced):
            telling = event if counts(step) else counted[-1] if counted else None
            yield self._row(base, event, step, self._in_row(telling, state))
        if not bounced:
            yield base

    def _base(
        self, address: str, state: State, known: Counter[str], of_domain: ScopedLock | None
    ) -> Row:
        locks = locks_at(state, self._now)
        if of_domain is not None and lock_for(state, self._now, ALL_MAIL) is None:
            locks.insert(0, of_domain)
        scope, lock = next(iter(locks), (None, None))
        return Row(
            address,
            "locked" if locks else name_at(state, self._now, has_bounced=True),
            origin=lock.origin if lock else None,
            since=state.last_event or None,
            until=lock.until if lock else None,
            scope=scope,
            hard=hard_of(state),
            soft=state.soft,
            blocked=blocked_in(known),
            last_event=state.last_event,
            cause=lock.cause if lock else 0,
            bounces=dict(known),
            corrected=state.corrected,
        )

    def _row(self, base: Row, event: Event, step: Step, in_row: tuple[int, int]) -> Row:
        does_count = counts(step)
        return replace(
            base,
            kind=event.kind,
            category=event.category,
            reason=event.reason,
            since=event.time,
            group=event.group,
            mailing=event.mailing,
            provider=event.provider,
            last_event=max(base.last_event, event.time),
            reported=reported_kind(event),
            blame=event.blamed,
            counts=does_count,
            why_not="" if does_count else step.effect,
            text=event.diagnostic,
            in_row=in_row[0],
            threshold=in_row[1],
        )

    def _in_row(self, event: Event | None, state: State) -> tuple[int, int]:
        """How many failures like this one are in a row, and how many lock; 0, 0 if none counts."""
        if event is None:
            return 0, 0
        return self._policy.in_row(event, state_at(state, self._now))
