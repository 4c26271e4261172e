"""Calendar durations such as `1 year`, `3 months` or `12 hours`.

Months and years follow the calendar: a month from 31 January ends on the last day of
February. Days and below are exact numbers of seconds. All arithmetic is in UTC, so that a
lock never ends an hour early because of a local clock change.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

# unit -> (months, seconds)
_UNITS: Final[dict[str, tuple[int, int]]] = {
    "second": (0, 1),
    "minute": (0, 60),
    "hour": (0, 3600),
    "day": (0, 86_400),
    "week": (0, 7 * 86_400),
    "month": (1, 0),
    "year": (12, 0),
}
# Short names as systemd.time(7) and sleep(1) have them; "m" would be a minute or a month.
_SHORT: Final = {
    "s": "second",
    "sec": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "y": "year",
}
_AMBIGUOUS: Final = "m"
_TERM: Final = re.compile(r"(\d{1,6})\s*([a-z]+)")
HINT: Final = 'write a number and a unit, such as "1 year", "3 months", "5 days" or "6h"'

# A lock record keeps its end as an unsigned 32-bit count of seconds since 1970.
END_OF_TIME: Final = 0xFFFF_FFFE
NO_END: Final = 0xFFFF_FFFF
"""The end of what no date ends."""
_ENDLESS: Final = "without end"


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of whole calendar months and seconds, each of which may be zero; or without end."""

    months: int = 0
    seconds: int = 0
    endless: bool = False

    def __str__(self) -> str:
        """The duration as a config file would write it."""
        return _ENDLESS if self.endless else " ".join(_terms(self)) or "0 seconds"

    def after(self, start: int) -> int:
        """The end of the span that begins at `start`, both in seconds since 1970 (UTC).

        An end that a lock record cannot hold becomes `END_OF_TIME`, in the year 2106.
        """
        if self.endless:
            return NO_END
        if not self.months:
            return min(start + self.seconds, END_OF_TIME)
        begin = datetime.fromtimestamp(start, UTC)
        year, month = divmod(begin.year * 12 + begin.month - 1 + self.months, 12)
        if year > 2105:
            return END_OF_TIME
        day = min(begin.day, calendar.monthrange(year, month + 1)[1])
        end = begin.replace(year=year, month=month + 1, day=day) + timedelta(seconds=self.seconds)
        return min(int(end.timestamp()), END_OF_TIME)


def parse_lock_duration(text: str) -> Duration:
    """The same as `parse_duration`, or `without end`."""
    return Duration(endless=True) if text.strip().lower() == _ENDLESS else parse_duration(text)


def parse_duration(text: str) -> Duration:
    """Read `1 year`, `2 weeks 3 days`, `6h` and the like.

    Raises ValueError, whose text says what would be right.
    """
    rest = _TERM.sub("", text.strip().lower())
    terms = _TERM.findall(text.strip().lower())
    if rest.strip(" ,") or not terms:
        raise ValueError(f"invalid duration {text!r}: {HINT}")
    months = seconds = 0
    for number, unit in terms:
        if unit == _AMBIGUOUS:
            raise ValueError(f'"{number}m" is ambiguous: write "{number} min" or "{number} months"')
        try:
            unit_months, unit_seconds = _UNITS[_SHORT.get(unit) or unit.removesuffix("s")]
        except KeyError:
            raise ValueError(f"unknown unit {unit!r}: {HINT}") from None
        months += int(number) * unit_months
        seconds += int(number) * unit_seconds
    return Duration(months, seconds)


def _terms(duration: Duration) -> list[str]:
    years, months = divmod(duration.months, 12)
    days, seconds = divmod(duration.seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = (years, "year"), (months, "month"), (days, "day"), (hours, "hour"), (minutes, "minute")
    return [f"{n} {unit}{'s' * (n != 1)}" for n, unit in (*parts, (seconds, "second")) if n]
