"""What an entry of the journal does to an address.

`State` is the fold of an address's entries, in the order of their numbers, without the events
that are void or held: nothing else may change it, so that it can be told again from the journal,
under this policy or another. The clock is the entry's own time; a lock that had ended by then
counts as ended.
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from bouncegate.config.settings import AlarmSettings, PolicySettings, Threshold, Trust
from bouncegate.config.taxonomy import REASONS, Blame, Category, Kind, Reason
from bouncegate.policy.guard import Guard
from bouncegate.policy.records import Act, AddressEntry, Event, Lock, Origin, State

EMPTY: Final = State()
_DAY: Final = 86_400

Fold = Callable[[State, int, AddressEntry], State]
"""(what was known, the entry's number, the entry) -> what is known now."""


class Standing(StrEnum):
    """Whether an event counts against its address, and if not, why."""

    COUNTS = "counts"
    NO_FAILURE = "no-failure"
    OWN_REFUSAL = "own-refusal"
    UNVERIFIED = "unverified"
    SENDER_TO_BLAME = "sender-to-blame"
    MESSAGE_TO_BLAME = "message-to-blame"
    SAME_DAY = "same-day"


# What a server can say of one recipient even where it refuses the message as a whole. All else
# that is said at MAIL, DATA or the end of DATA fails every recipient alike.
_OF_THE_RECIPIENT: Final = frozenset(
    {Reason.USER_UNKNOWN, Reason.MAILBOX_DISABLED, Reason.MAILBOX_MOVED, Reason.MAILBOX_FULL}
)
_OF_THE_MESSAGE: Final = frozenset({"data", "end-of-data"})


class Policy:
    """When bounces lock, under the settings in force."""

    def __init__(
        self,
        settings: PolicySettings,
        trust: Collection[Trust],
        *,
        guard: Guard | None = None,
        alarm: AlarmSettings | None = None,
    ) -> None:
        """Events of other trust than `trust` never count; no guard where there is none."""
        self._settings = settings
        self._trust = frozenset(trust)
        self.guard: Final = guard
        self.alarm: Final = alarm or AlarmSettings()

    def fold(self, state: State, number: int, entry: AddressEntry) -> State:
        """What is known of an address after the entry of that number."""
        if isinstance(entry, Act):
            return _after_act(state, number, entry)
        if self.standing(entry, state) is not Standing.COUNTS:
            return state
        free = _without_ended_lock(state, entry.time)
        return _after_failure(free, number, entry, self._settings)

    def standing(self, event: Event, before: State = EMPTY) -> Standing:
        """Whether the event counts against an address of which so much was known before."""
        at_the_end = event.phase in _OF_THE_MESSAGE
        sender = event.phase == "mail" or REASONS[event.reason].blame is Blame.SENDER
        once = self._settings.once_a_day and _same_day(before.last_event, event.time)
        obstacles = (
            (Standing.OWN_REFUSAL, event.reason is Reason.OWN_REFUSAL),
            (Standing.NO_FAILURE, event.kind not in (Kind.HARD, Kind.SOFT)),
            (Standing.UNVERIFIED, event.trust not in self._trust),
            (Standing.SENDER_TO_BLAME, sender),
            (Standing.MESSAGE_TO_BLAME, at_the_end and event.reason not in _OF_THE_RECIPIENT),
            (Standing.SAME_DAY, once),
        )
        return next((obstacle for obstacle, holds in obstacles if holds), Standing.COUNTS)


def _same_day(counted: int, now: int) -> bool:
    return bool(counted) and counted // _DAY == now // _DAY


def _without_ended_lock(state: State, now: int) -> State:
    """When the time is up the address is free again by itself, and its count starts anew."""
    if state.lock is None or state.lock.in_force(now):
        return state
    return replace(state, lock=None, hard_in_row=0, soft_in_row=0)


def _after_failure(state: State, number: int, event: Event, settings: PolicySettings) -> State:
    counted = _counted(state, event)
    if event.kind is Kind.HARD:
        in_row, threshold = counted.hard_in_row, settings.hard
    else:
        in_row, threshold = counted.soft_in_row, settings.soft
    if in_row < threshold.failures or not _outranks(event.kind, state.lock):
        return counted
    lock = _lock(number, event, threshold)
    return replace(counted, lock=lock, times_locked=state.times_locked + 1)


def _counted(state: State, event: Event) -> State:
    hard = event.kind is Kind.HARD
    label = f"{event.kind}/{event.category}"
    return replace(
        state,
        hard=state.hard + hard,
        soft=state.soft + (not hard),
        hard_in_row=state.hard_in_row + hard,
        soft_in_row=state.soft_in_row + (not hard),
        categories={**state.categories, label: state.categories.get(label, 0) + 1},
        first_event=state.first_event or event.time,
        last_event=max(state.last_event, event.time),
    )


def _outranks(kind: Kind, lock: Lock | None) -> bool:
    """A lock in force gives way only to a harder one; an operator's to none."""
    if lock is None:
        return True
    return lock.origin is Origin.AUTOMATIC and lock.kind is Kind.SOFT and kind is Kind.HARD


def _lock(number: int, event: Event, threshold: Threshold) -> Lock:
    return Lock(
        kind=event.kind,
        category=event.category,
        reason=event.reason,
        origin=Origin.AUTOMATIC,
        since=event.time,
        until=threshold.lock.after(event.time),
        cause=number,
    )


def _after_act(state: State, number: int, act: Act) -> State:
    if act.verb == "unlock":
        return replace(state, lock=None, hard_in_row=0, soft_in_row=0)
    lock = Lock(
        kind=Kind.HARD,
        category=Category.UNDEFINED,
        reason=Reason.OPERATOR,
        origin=act.origin,
        since=act.time,
        until=act.until,
        cause=number,
    )
    return replace(state, lock=lock)
