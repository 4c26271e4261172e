"""What happens to a streak: failures lengthen it, deliveries and signs of life end it.

Pure functions from one streak to the next. A streak is that of an address for all groups or for one
of them; whose it is makes no difference here.

Failures are placed by the time at which their messages were sent, since a DSN can be days late: in
whatever order they become known, the same failures are in a row.
"""

from bisect import insort
from collections.abc import Iterable
from typing import Final, TypeVar

from msgspec.structs import replace

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import BY_LIST, Category, Kind, Reason
from bouncegate.policy.disposition import days_needed
from bouncegate.policy.protection import protection
from bouncegate.policy.records import Act, Event, Lock, Origin, Streak
from bouncegate.policy.table import PolicyRow
from bouncegate.policy.unconfirmed import rests_on_name

_C = TypeVar("_C", bound=Streak)

_DAY: Final = 86_400


def without_ended_lock(streak: _C, now: int) -> _C:
    """After its end, a lock no longer applies, and the count is reset."""
    if streak.lock is None or streak.lock.in_force(now):
        return streak
    return after_release(streak) if streak.lock.reason in BY_LIST else _unlocked(streak)


def after_failure(streak: _C, number: int, event: Event, row: PolicyRow, most: int) -> _C:
    """The streak after a bounce that counts; the moments of the last `most` failures are kept."""
    counted = _lengthened(streak, event, most)
    if not _is_enough(row, counted, event):
        return counted
    return _locked(counted, number, event, row)


def after_superseded_failure(streak: _C, number: int, event: Event, row: PolicyRow) -> _C:
    """The streak after a bounce that counts, where a later message of ours arrived.

    It is in a row with no failure that came after that delivery, and which ones came before is no
    longer known: it counts alone.
    """
    alone = row.failures == 1 == days_needed(row.days, event)
    return _locked(streak, number, event, row) if alone else streak


def _locked(streak: _C, number: int, event: Event, row: PolicyRow) -> _C:
    """The streak with the lock that a bounce makes, unless it has one that outranks it."""
    if not _outranks(event.kind, streak.lock):
        return streak
    kind = event.kind
    earlier = {
        Kind.HARD: streak.times_locked_hard,
        Kind.SOFT: streak.times_locked - streak.times_locked_hard,
        Kind.COMPLAINT: streak.times_locked_complaint,
    }
    lock = Lock(
        kind=kind,
        category=event.category,
        reason=event.reason,
        origin=Origin.AUTOMATIC,
        since=event.time,
        until=row.lock.after(event.time, earlier[kind]),
        cause=number,
    )
    return replace(
        streak,
        lock=lock,
        needed=max(row.failures, days_needed(row.days, event)),
        times_locked=streak.times_locked + (kind is not Kind.COMPLAINT),
        times_locked_hard=streak.times_locked_hard + (kind is Kind.HARD),
        times_locked_complaint=streak.times_locked_complaint + (kind is Kind.COMPLAINT),
    )


def has_failure_on_day(streak: Streak, event: Event) -> bool:
    """Whether a failure of that kind, of a message of the same day (UTC), is in the row already."""
    return event.moment // _DAY in _days(_run(streak, event))


def lacks_days(streak: Streak, event: Event, row: PolicyRow) -> bool:
    """Whether the failures in a row would lock if they came from more days."""
    anyhow = row._replace(days=1)
    return _is_enough(anyhow, streak, event) and not _is_enough(row, streak, event)


def in_row(streak: Streak, event: Event, row: PolicyRow) -> int:
    """How many failures are in a row, within a window that this one is in; 0: it no longer is."""
    if not _has_window(row):
        return _length(streak, event)
    return max(map(len, _windows(row, streak, event)), default=0)


def _has_window(row: PolicyRow) -> bool:
    return bool(row.window.months or row.window.seconds)


def _length(streak: Streak, event: Event) -> int:
    """How many failures of that kind are in a row."""
    if event.kind is Kind.COMPLAINT:
        return len(streak.complaint_run)
    return streak.hard_in_row if event.kind is Kind.HARD else streak.soft_in_row


def _windows(row: PolicyRow, streak: Streak, event: Event) -> list[list[int]]:
    """The failures within each window that begins with this one or before it."""
    run = _run(streak, event)
    ends = {last for last in run if event.moment <= last < row.window.after(event.moment)}
    return [_between(run, row, last) for last in ends]


def _run(streak: Streak, event: Event) -> tuple[int, ...]:
    """The moments of the failures of that kind in a row."""
    if event.kind is Kind.COMPLAINT:
        return streak.complaint_run
    return streak.hard_run if event.kind is Kind.HARD else streak.soft_run


def _days(moments: Iterable[int]) -> set[int]:
    """The days (UTC) of these moments."""
    return {moment // _DAY for moment in moments}


def _lengthened(streak: _C, event: Event, most: int) -> _C:
    run = _with_moment(_run(streak, event), event.moment, most)
    if event.kind is Kind.COMPLAINT:
        return replace(streak, complaint_run=run)
    if event.kind is Kind.HARD:
        return replace(streak, hard_in_row=streak.hard_in_row + 1, hard_run=run)
    return replace(streak, soft_in_row=streak.soft_in_row + 1, soft_run=run)


def _with_moment(run: tuple[int, ...], moment: int, most: int) -> tuple[int, ...]:
    moments = list(run)
    insort(moments, moment)
    return tuple(moments[-most:])


def _is_enough(row: PolicyRow, streak: Streak, event: Event) -> bool:
    """Whether enough failures are in a row, from enough days, within a window that this one is in.

    A failure that becomes known late may complete the window of one that came after it.
    """
    days = days_needed(row.days, event)
    if not _has_window(row):
        enough = _length(streak, event) >= row.failures
        return enough and len(_days(_run(streak, event))) >= days
    windows = _windows(row, streak, event) or [[event.moment]]
    return any(len(one) >= row.failures and len(_days(one)) >= days for one in windows)


def _between(run: tuple[int, ...], row: PolicyRow, last: int) -> list[int]:
    """The failures within the window that ends with the one at `last`."""
    return [moment for moment in run if moment <= last < row.window.after(moment)]


_RANKS: Final = (Kind.SOFT, Kind.HARD, Kind.COMPLAINT)


def _outranks(kind: Kind, lock: Lock | None) -> bool:
    """A lock in force gives way only to a harder one; an operator's to none."""
    if lock is None:
        return True
    return lock.origin is Origin.AUTOMATIC and _RANKS.index(lock.kind) < _RANKS.index(kind)


def after_delivery(streak: _C, sent: int) -> _C:
    """The streak after a message arrived that was sent at that time.

    Failures of messages that were sent before it are no longer in a row with those after it, nor
    are those whose moments are no longer kept. A delivery is known later than it happens, so that a
    soft lock may turn out to rest on failures that were not in a row: it goes, as if it had never
    been. A hard one stays.
    """
    hard_run = tuple(moment for moment in streak.hard_run if moment > sent)
    soft_run = tuple(moment for moment in streak.soft_run if moment > sent)
    hard_in_row, soft_in_row = len(hard_run), len(soft_run)
    if hard_in_row == streak.hard_in_row and soft_in_row == streak.soft_in_row:
        return streak
    ended = replace(
        streak,
        hard_run=hard_run,
        hard_in_row=hard_in_row,
        soft_run=soft_run,
        soft_in_row=soft_in_row,
    )
    lock = streak.lock
    if lock is None or not _is_automatic(lock, Kind.SOFT) or soft_in_row >= streak.needed:
        return ended
    return replace(ended, lock=None, needed=0, times_locked=streak.times_locked - 1)


def ends_a_row(streak: Streak, sent: int) -> bool:
    """Whether it matters that a message arrived which was sent at that time."""
    moments = (*streak.hard_run, *streak.soft_run)
    return streak.hard_in_row + streak.soft_in_row > len(moments) or any(m <= sent for m in moments)


def after_life(streak: _C, *, frees_hard: bool) -> _C:
    """The streak after a proof of life: reset, unless a lock remains that it does not end."""
    lock = streak.lock
    frees = lock is None or _is_automatic(lock, Kind.SOFT)
    if lock is not None and frees_hard and protection(lock) != "complaint":
        frees = lock.origin is not Origin.MANUAL
    if frees:
        complaints = streak.complaint_run
        free = replace(_unlocked(streak), times_locked=0, times_locked_hard=0)
        return replace(free, complaint_run=complaints)
    return replace(streak, soft_in_row=0, soft_run=())


def after_lock(streak: _C, number: int, act: Act) -> _C:
    """The streak after an operator's lock, or one that a list makes."""
    definition = REASONS[act.reason]
    named = act.reason is not Reason.OPERATOR and definition.kind in (Kind.HARD, Kind.SOFT)
    lock = Lock(
        kind=definition.kind if definition.kind in _RANKS else Kind.HARD,
        category=definition.category if named else Category.UNDEFINED,
        reason=act.reason,
        origin=act.origin,
        since=act.time,
        until=act.until,
        cause=number,
    )
    return replace(streak, lock=lock, needed=0)


def after_unlock(streak: _C) -> _C:
    """The streak after an operator's unlock: no lock, and counts are reset."""
    return _unlocked(streak)


def after_release(streak: _C) -> _C:
    """The streak after a list let go of the address: what it counted before goes on."""
    if streak.lock is None or streak.lock.reason not in BY_LIST:
        return streak
    return replace(streak, lock=None)


def after_recovery(streak: _C) -> _C:
    """The streak after the domain takes mail again: free, as if its absence had locked nothing."""
    if streak.lock is None or not rests_on_name(streak.lock):
        return streak
    hard = streak.lock.kind is Kind.HARD
    return replace(  # of an address that was purged, how often it was locked is not known
        _unlocked(streak),
        times_locked=max(streak.times_locked - 1, 0),
        times_locked_hard=max(streak.times_locked_hard - hard, 0),
    )


def _unlocked(streak: _C) -> _C:
    return replace(
        streak,
        lock=None,
        hard_in_row=0,
        soft_in_row=0,
        hard_run=(),
        soft_run=(),
        complaint_run=(),
        needed=0,
    )


def _is_automatic(lock: Lock, kind: Kind) -> bool:
    return lock.kind is kind and lock.origin is Origin.AUTOMATIC
