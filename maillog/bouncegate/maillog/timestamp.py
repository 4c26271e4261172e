"""When a log line was written: RFC 3164's timestamps, which tell no year, and RFC 3339's.

A traditional timestamp (RFC 3164, 4.1.2) is in local time. Its year is the latest one in which it
does not lie in the future; clocks of machines that log to one file may differ by a little.
"""

import re
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

TIMESTAMP: Final = (
    r"[A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
"""Both forms, as a regular expression."""

_NAMES: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTHS: Final = {name: number for number, name in enumerate(_NAMES, 1)}
_FRACTION: Final = re.compile(r"\.[0-9]+")
# How far ahead of ours another machine's clock may be, in seconds.
_AHEAD: Final = 86_400
# 29 February 2104 is the first after that of 2096: eight years lie between them.
_YEARS_BACK: Final = 8


def seconds_of(text: str, now: int, zone: tzinfo | None = None) -> int | None:
    """Seconds since 1970 of a timestamp as `TIMESTAMP` describes it; None for no such time.

    `zone` is that of traditional timestamps; None: this machine's.
    """
    if text[0].isdigit():
        return _whole_seconds(_FRACTION.sub("", text).replace("Z", "+00:00"))
    year = datetime.fromtimestamp(now + _AHEAD, zone).year
    return _traditional(text, year, now + _AHEAD, zone)


def _whole_seconds(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return None


# Lines come many to a second; the year and the limit stay the same for a day.
@lru_cache(maxsize=64)
def _traditional(text: str, year: int, latest: int, zone: tzinfo | None) -> int | None:
    month, day = _MONTHS.get(text[:3], 0), int(text[4:6])
    hour, minute, second = (int(text[n : n + 2]) for n in (7, 10, 13))
    for candidate in range(year, year - _YEARS_BACK - 1, -1):
        try:
            # A leap second is told as 60.
            moment = datetime(candidate, month, day, hour, minute, min(second, 59), tzinfo=zone)
            seconds = int(moment.timestamp())
        except (ValueError, OverflowError):
            continue
        if seconds <= latest:
            return seconds
    return None
