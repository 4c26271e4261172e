"""The day from which addresses are stale."""

from typing import Final

from bouncegate.config.durations import Duration
from bouncegate.store.lastmailed import DAY

_LONGEST_MONTH: Final = 31


def last_stale_day(now: int, after: Duration) -> int:
    """The last day, counted from 1970, that ended at least `after` ago."""
    day = (now - after.seconds) // DAY - after.months * _LONGEST_MONTH - 2
    while after.after((day + 2) * DAY) <= now:
        day += 1
    return day
