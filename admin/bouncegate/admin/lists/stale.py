"""The day from which addresses are stale."""

from datetime import date
from typing import Final

from bouncegate.config.durations import Duration
from bouncegate.store.lastmailed import DAY

_LONGEST_MONTH: Final = 31
_FIRST: Final = date(1970, 1, 1).toordinal()


def last_stale_day(now: int, after: Duration) -> int:
    """The last day, counted from 1970, that ended at least `after` ago."""
    day = (now - after.seconds) // DAY - after.months * _LONGEST_MONTH - 2
    while after.after((day + 2) * DAY) <= now:
        day += 1
    return day


def date_of(day: int) -> str:
    """A day, counted from 1970, as ISO 8601 writes it."""
    return date.fromordinal(_FIRST + day).isoformat()
