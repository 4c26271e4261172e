"""What an entry of the journal does to an address.

`State` is the fold of an address's entries, in the order of their numbers, without the events
that are void or held: nothing else may change it, so that it can be told again from the journal,
under this policy or another. The clock is the entry's own time; a lock that had ended by then
counts as ended.
"""

from collections.abc import Callable, Collection
from typing import Final, TypeVar

from msgspec.structs import replace

from bouncegate.config.settings import AlarmSettings, PolicySettings, RetentionSettings, Trust
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy import streak
from bouncegate.policy.disposition import Disposition, may_lock, reported_kind, spared_as
from bouncegate.policy.guard import Guard
from bouncegate.policy.records import (
    MOST_GROUPS,
    Act,
    Delivered,
    Event,
    JournalEntry,
    State,
    Streak,
    Summary,
)
from bouncegate.policy.table import PolicyRow, PolicyTable

EMPTY: Final = State()
_C = TypeVar("_C", bound=Streak)

Fold = Callable[[State, int, JournalEntry], State]
"""(what was known, the entry's number, the entry) -> what is known now."""


_NO_STREAK: Final = Streak()


class Policy:
    """When bounces lock, under the settings in force."""

    def __init__(
        self,
        settings: PolicySettings,
        trust: Collection[Trust],
        *,
        guard: Guard | None = None,
        alarm: AlarmSettings | None = None,
        retention: RetentionSettings | None = None,
    ) -> None:
        """Events whose trust is not in `trust` never count; without `guard`, no outage is
        detected.
        """
        self._settings = settings
        self._trust = frozenset(trust)
        self._table = PolicyTable(settings)
        self.guard: Final = guard
        self.alarm: Final = alarm or AlarmSettings()
        self.retention: Final = retention or RetentionSettings()

    def fold(self, state: State, number: int, entry: JournalEntry) -> State:
        """What is known of an address after the entry of that number."""
        if isinstance(entry, Summary):
            return entry.state
        if isinstance(entry, Delivered):
            return _after_delivery(freed(state, entry.time), entry.sent)
        if isinstance(entry, Act):
            return self._after_act(freed(state, entry.time), number, entry)
        if self.proves_delivery(entry):
            return _after_delivery(freed(state, entry.time), entry.moment)
        if self.disposition(entry, state) is not Disposition.COUNTS:
            return state
        return self._after_failure(freed(state, entry.time), number, entry)

    def believes(self, event: Event) -> bool:
        """Whether the event is about an address of ours, as far as this site asks for proof."""
        return bool(event.address) and event.trust in self._trust

    def proves_delivery(self, event: Event) -> bool:
        """Whether the event is a success report (RFC 3464, 2.3.3) that is proven to be ours."""
        return event.action == "delivered" and event.trust in self._trust

    def disposition(self, event: Event, before: State = EMPTY) -> Disposition:
        """Whether the event counts against an address of which so much was known before."""
        is_failure = may_lock(event)
        spared = spared_as(event)
        if spared and is_failure and self.row(event).counts:
            spared = None
        once = is_failure and self._settings.once_a_day and self._counted_today(event, before)
        late = event.kind is Kind.SOFT and event.moment <= before.delivered
        obstacles = (
            (Disposition.OWN_REFUSAL, event.reason is Reason.OWN_REFUSAL),
            (Disposition.NO_FAILURE, not is_failure),
            (Disposition.UNVERIFIED, event.trust not in self._trust),
            (spared, spared is not None),
            (Disposition.NEVER_LOCKS, is_failure and not self.row(event).lock),
            (Disposition.DELIVERED_SINCE, late),
            (Disposition.SAME_DAY, once),
        )
        found = next((obstacle for obstacle, holds in obstacles if holds), None)
        return found or Disposition.COUNTS

    def lacks_days(self, event: Event, after: State) -> bool:
        """Whether so many bounces as lock came with this one, but not from enough days."""
        row = self.row(event)
        group = _own_group(after, event, row)
        known = after.groups.get(group, _NO_STREAK) if group else after
        return streak.lacks_days(known, event, row)

    def in_row(self, event: Event, state: State) -> tuple[int, int]:
        """How many failures are in a row with a bounce that counts, and how many lock."""
        row = self.row(event)
        group = _own_group(state, event, row)
        known = state.groups.get(group, _NO_STREAK) if group else state
        return streak.in_row(known, event, row), row.failures

    def row(self, event: Event) -> PolicyRow:
        """What the policy table says of a bounce, which is hard or soft."""
        return self._table.row(event)

    def _counted_today(self, event: Event, before: State) -> bool:
        group = _own_group(before, event, self.row(event))
        known = before.groups.get(group, _NO_STREAK) if group else before
        return streak.has_failure_on_day(known, event)

    def _after_failure(self, state: State, number: int, event: Event) -> State:
        row = self.row(event)
        counted = _counted(state, event)
        group = _own_group(state, event, row)
        known = state.groups.get(group, _NO_STREAK) if group else counted
        if event.moment <= state.delivered and event.kind is not Kind.COMPLAINT:
            after = streak.after_superseded_failure(known, number, event, row)
        else:
            after = streak.after_failure(known, number, event, row, self._table.most)
        if isinstance(after, State):
            return after
        return replace(counted, groups={**state.groups, group: after})

    def _after_act(self, state: State, number: int, act: Act) -> State:
        if act.verb == "alive":
            return _after_life(state, act.time, frees_hard=self._settings.alive_frees_hard)
        if (change := _CHANGES.get(act.verb)) is not None:
            return change(state, act)
        if act.group:
            known = state.groups.get(act.group, _NO_STREAK)
            groups = {**state.groups, act.group: _ruled(known, number, act)}
            return replace(state, groups=_that_matter(groups))
        if act.verb == "lock":
            return streak.after_lock(state, number, act)
        groups = {name: streak.after_unlock(c) for name, c in state.groups.items()}
        return replace(streak.after_unlock(state), groups=_that_matter(groups))


# What is corrected keeps its lock and its history, so that no import mails it again.
_CHANGES: Final[dict[str, Callable[[State, Act], State]]] = {
    "release": lambda state, _: streak.after_release(state),
    "correct": lambda state, act: replace(state, corrected=act.other),
    "renew": lambda state, _: State(delivered=state.delivered),
    "recover": lambda state, _: _after_recovery(state),
}


def _ruled(known: Streak, number: int, act: Act) -> Streak:
    if act.verb == "lock":
        return streak.after_lock(known, number, act)
    return streak.after_unlock(known)


def _own_group(state: State, event: Event, row: PolicyRow) -> str:
    """The group for which a bounce counts alone; empty: it counts for all."""
    group = event.group if row.scope == "group" else ""
    return group if group in state.groups or len(state.groups) < MOST_GROUPS else ""


def freed(state: State, now: int, kept: Collection[int] = ()) -> State:
    """The state without locks whose time is up, but for those that entries `kept` have made."""

    def free(one: _C) -> _C:
        if one.lock is None or one.lock.cause in kept:
            return one
        return streak.without_ended_lock(one, now)

    if state.groups:
        groups = {name: free(c) for name, c in state.groups.items()}
        state = replace(state, groups=_that_matter(groups))
    return free(state)


def is_locked(state: State, now: int) -> bool:
    """Whether a lock is in force, for all groups or for one."""
    locks = (state.lock, *(c.lock for c in state.groups.values()))
    return any(lock is not None and lock.in_force(now) for lock in locks)


def _after_recovery(state: State) -> State:
    groups = {name: streak.after_recovery(c) for name, c in state.groups.items()}
    return replace(streak.after_recovery(state), groups=_that_matter(groups))


def _that_matter(groups: dict[str, Streak]) -> dict[str, Streak]:
    return {name: known for name, known in groups.items() if known != _NO_STREAK}


def _counted(state: State, event: Event) -> State:
    hard, soft = event.kind is Kind.HARD, event.kind is Kind.SOFT
    label = f"{reported_kind(event)}/{event.category}"
    return replace(
        state,
        hard=state.hard + hard,
        soft=state.soft + soft,
        complaints=state.complaints + (event.kind is Kind.COMPLAINT),
        categories={**state.categories, label: state.categories.get(label, 0) + 1},
        first_event=state.first_event or event.time,
        last_event=max(state.last_event, event.time),
    )


def _after_delivery(state: State, sent: int) -> State:
    if not state.first_event:  # of an address that never bounced nothing is kept
        return state
    after = streak.after_delivery(state, sent)
    groups = {name: streak.after_delivery(c, sent) for name, c in state.groups.items()}
    delivered = max(state.delivered, sent)
    return replace(after, groups=_that_matter(groups), delivered=delivered)


def _after_life(state: State, time: int, *, frees_hard: bool) -> State:
    """The address is alive: its statistics are reset, unless a lock remains."""
    if replace(state, corrected="") == EMPTY:  # what it was corrected to may be purged
        return state
    groups = {n: streak.after_life(c, frees_hard=frees_hard) for n, c in state.groups.items()}
    after = replace(streak.after_life(state, frees_hard=frees_hard), alive=time)
    left = _that_matter(groups)
    if after.lock is None and not left:
        return State(
            alive=time,
            delivered=state.delivered,
            corrected=state.corrected,
            complaint_run=after.complaint_run,
            times_locked_complaint=after.times_locked_complaint,
        )
    return replace(after, groups=left)
