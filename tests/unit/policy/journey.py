"""A journal of one address, told in days, for the tests of what it adds up to."""

from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.loading import loads
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import NO_END, Act, AddressEntry, Delivered, Event, State

DAY = 86_400
START = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())
ANN = "ann@example.com"


def time_of(day: float) -> int:
    """Noon of that day after 31 January 2026."""
    return START + int(day * DAY)


def day_of(seconds: int) -> str:
    """The date of a time."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def bounce(reason: Reason, day: float, **fields: object) -> Event:
    """A bounce for that reason, of the kind and category that it has by itself."""
    return replace(event_of(ANN, time_of(day), reason), **fields)


def hard(day: float, **fields: object) -> Event:
    """A hard bounce: the user is unknown."""
    return bounce(Reason.USER_UNKNOWN, day, **fields)


def soft(day: float, **fields: object) -> Event:
    """A soft bounce: the mailbox is full."""
    return bounce(Reason.MAILBOX_FULL, day, **fields)


def delivery(day: float, known: float | None = None) -> Delivered:
    """A message that was sent that day arrived; `known` is the day on which that became known."""
    when = time_of(day if known is None else known)
    return Delivered((ANN,), when, time_of(day), "ledger")


def act(
    verb: Literal["lock", "unlock", "alive"], day: float, until: int = NO_END, group: str = ""
) -> Act:
    """An act of an operator's."""
    return Act((ANN,), time_of(day), verb, by="eve", until=until, group=group)


def policy_of(toml: str = "") -> Policy:
    """The policy of a config file."""
    settings = loads(toml)
    return Policy(settings.policy, settings.return_path.count)


def after(*entries: AddressEntry, toml: str = "") -> State:
    """What the entries add up to."""
    fold = policy_of(toml).fold
    state = EMPTY
    for number, entry in enumerate(entries, 1):
        state = fold(state, number, entry)
    return state


def kind_and_end(state: State) -> tuple[Kind, str] | None:
    """The lock of a state, in short."""
    return None if state.lock is None else (state.lock.kind, day_of(state.lock.until))
