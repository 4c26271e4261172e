"""What is too much: the shares of a sender's sends that receivers judge it by, and what to do."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from bouncegate.admin.report.summary import Summary
from bouncegate.config.settings import AlarmSettings

What = Literal["bounce-rate", "hard-share", "complaint-rate"]

_ADVICE: Final[dict[What, str]] = {
    "bounce-rate": (
        "See which mailing and why (bouncegate report mailing, report reason, with --sender), "
        "and stop what goes on until that is mended."
    ),
    "hard-share": (
        "Old or bought addresses, or typing errors: see which mailing brings them (bouncegate "
        "report mailing --sender), and judge its list before it is mailed (bouncegate check)."
    ),
    "complaint-rate": (
        "Mail only who has asked for it, let every message be unsubscribed from with one click "
        "(RFC 8058), and take who complained off the list (bouncegate report group --addresses "
        "--kind complaint)."
    ),
}


class Exceeded(Struct, frozen=True):
    """A share that is above its limit."""

    what: What
    share: float
    limit: float
    advice: str


class _Rule(NamedTuple):
    what: What
    share: float | None
    limit: float


def exceeded(summary: Summary, alarm: AlarmSettings) -> Iterator[Exceeded]:
    """What is too much; nothing where it is unknown, or of too few sends to mean anything."""
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
