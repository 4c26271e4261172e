"""Settings of what bounces do to addresses: `[policy]`, `[guard]`, `[domain_locks]`, `[lists]`."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from bouncegate.config.durations import Duration
from bouncegate.config.taxonomy import Category, Reason
from bouncegate.config.values import AddressPattern, OneOrMore, Terms

MOST_FAILURES: Final = 1000
"""So many failures in a row are remembered for one address at most."""


Scope = Literal["global", "group"]
Days = Annotated[int, Meta(ge=0, le=30)]
"""From how many days failures must come that lock; 0: one, or two where nobody knows why."""


class Threshold(Struct, frozen=True):
    """`[policy.hard]`, `.soft`, `.complaint`: what locks where no row says otherwise."""

    failures: Annotated[int, Meta(ge=1, le=MOST_FAILURES)]
    lock: Terms
    window: Duration = Duration()
    days: Days = 0
    scope: Scope = "global"


class Row(Struct, frozen=True):
    """One `[[policy.row]]`: for which bounces it is, and what it says of them.

    What is not named holds for every bounce.
    """

    kind: OneOrMore[Literal["hard", "soft", "complaint"]] = ()
    category: OneOrMore[Category] = ()
    reason: OneOrMore[Reason] = ()
    provider: OneOrMore[str] = ()
    group: OneOrMore[str] = ()
    sender: OneOrMore[AddressPattern] = ()
    failures: Annotated[int, Meta(ge=0, le=MOST_FAILURES)] = 0
    """In a row; 0: not set."""
    lock: Terms | None = None
    window: Duration = Duration()
    """How far back a failure counts; no length: as far as the row goes."""
    days: Days = 0
    counts: bool = False
    """Also bounces that blame the sender or the message."""
    scope: Scope = "global"


class PolicySettings(Struct, frozen=True):
    """`[policy]`: when a bounce locks an address."""

    hard: Threshold = Threshold(1, Terms((Duration(months=12),)))
    soft: Threshold = Threshold(3, Terms((Duration(months=1),)))
    complaint: Threshold = Threshold(1, Terms((Duration(endless=True),)), scope="group")
    row: tuple[Row, ...] = ()
    unlock_hard: bool = False
    request_expires: Duration = Duration(seconds=30 * 86_400)
    alive_frees_hard: bool = False
    once_a_day: bool = False
    settling: Duration = Duration(seconds=6 * 86_400)


class SlowOutage(Struct, frozen=True):
    """One `[[guard.slow]]`: how much is too much in a longer window."""

    window: Duration = Duration()
    addresses: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000
    share: Annotated[float, Meta(gt=0, le=1)] = 0.03


_SLOW: Final = (
    SlowOutage(Duration(seconds=2 * 86_400), 500, 0.05),
    SlowOutage(Duration(seconds=7 * 86_400), 1000, 0.03),
)


class GuardSettings(Struct, frozen=True):
    """`[guard]`: when one provider's hard bounces are more likely its fault than its users'."""

    enabled: bool = True
    window: Duration = Duration(seconds=6 * 3600)
    addresses: Annotated[int, Meta(ge=1, le=10_000_000)] = 100
    share: Annotated[float, Meta(gt=0, le=1)] = 0.1
    slow: Annotated[tuple[SlowOutage, ...], Meta(max_length=8)] = _SLOW
    known_after: Duration = Duration(seconds=7 * 86_400)
    domain_addresses: Annotated[int, Meta(ge=1, le=10_000_000)] = 5
    providers: Annotated[int, Meta(ge=1, le=10_000_000)] = 30


class DomainLockSettings(Struct, frozen=True):
    """`[domain_locks]`: when a whole domain is locked because it takes no mail."""

    enabled: bool = True
    addresses: Annotated[int, Meta(ge=1, le=1_000_000)] = 5
    window: Duration = Duration(seconds=30 * 86_400)
    lock: Duration = Duration(months=1)
    recheck: Duration = Duration(seconds=3 * 86_400)


Listed = Literal["report", "refuse"]


class ListsSettings(Struct, frozen=True):
    """`[lists]`: what becomes of addresses that nothing has locked, and that may bounce."""

    predicted: Listed = "report"
    invalid: Listed = "report"
    stale: Listed = "report"
    stale_after: Duration = Duration(months=3)
    keep: Duration = Duration(months=24)
