"""The limits of bounce and complaint rates, and what to do if a sender exceeds them."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from bouncegate.admin.report.summary import Summary
from bouncegate.config.settings import AlarmSettings

What = Literal["bounce-rate", "hard-share", "complaint-rate"]

_ADVICE: Final[dict[What, str]] = {
    "bounce-rate": (
        "Find out which mailing and why (bouncegate report mailing, report reason, with --sender), "
        "and stop it until the cause is fixed."
    ),
    "hard-share": (
        "Old or bought addresses, or typing errors: find the mailing (bouncegate report mailing "
        "--sender), and check its list before you mail it (bouncegate check)."
    ),
    "complaint-rate": (
        "Mail only people who asked for it, offer one-click unsubscribe in every message (RFC "
        "8058), and remove those who complained (bouncegate report group --addresses --kind "
        "complaint)."
    ),
}


class Exceeded(Struct, frozen=True):
    """A rate above its limit."""

    what: What
    share: float
    limit: float
    advice: str


class _Rule(NamedTuple):
    what: What
    share: float | None
    limit: float


def exceeded(summary: Summary, alarm: AlarmSettings) -> Iterator[Exceeded]:
    """The rates above their limits; none if unknown, or of too few sends."""
    if summary.sends is None or summary.sends < alarm.rates_from:
        return
    rules = (
        _Rule("bounce-rate", summary.rate, alarm.bounce_rate),
        _Rule("hard-share", summary.hard_share, alarm.hard_share),
        _Rule("complaint-rate", summary.complaint_rate, alarm.complaint_rate),
    )
    for what, share, limit in rules:
        if share is not None and share > limit:
            yield Exceeded(what, share, limit, _ADVICE[what])
