"""When a log line was written: the timestamps of RFC 3164 and RFC 3339, and how daemons vary them.

    Nov 25 04:04:51              RFC 3164, 4.1.2; also with a fraction, or a year before or behind
    2026-11-25T04:04:51.12+01:00 RFC 3339; also with a blank for the T, a comma, +0100, or no zone

What tells no zone is in the local time of whoever wrote it. What tells no year is of the latest one
in which it does not lie in the future; clocks of machines that log to one file may differ by a
little.
"""

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
ISO: Final = (
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?: ?(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?))?"
)
"""What begins with a year, month and day in numbers, as a regular expression."""
TIMESTAMP: Final = rf"(?:[0-9]{{4}} )?[A-Z][a-z]{{2}} [ 0-3]?[0-9] (?:[0-9]{{4}} )?{_CLOCK}|{ISO}"
"""All forms."""

_NAMES: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTHS: Final = {name: number for number, name in enumerate(_NAMES, 1)}
_PARTS: Final = re.compile(
    r"(?:(?P<year>[0-9]{4})[ -])?(?P<month>[A-Z][a-z]{2}|[0-9]{2})[ -] ?(?P<day>[0-9]{1,2})[ T]"
    r"(?:(?P<late_year>[0-9]{4}) )?"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,][0-9]+)? ?(?P<zone>.*)"
)
_ZONE: Final = re.compile(r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)\Z")
# How far ahead of ours another machine's clock may be, in seconds.
_AHEAD: Final = 86_400
# A line that is read at once may be so far ahead, in seconds: of two readings in the hour that
# summer time repeats, one that is further ahead is the wrong one.
_AT_ONCE: Final = 60
# 29 February 2104 is the first after that of 2096: eight years lie between them.
_YEARS_BACK: Final = 8


@lru_cache(maxsize=64)
def tells_zone(text: str) -> bool:
    """Whether a timestamp says by itself how far it is from UTC."""
    return text[:1].isdigit() and _ZONE.search(text, 19) is not None


# Lines come many to a second, and a run has one time.
@lru_cache(maxsize=64)
def seconds_of(text: str, now: int, zone: tzinfo | None = None) -> int | None:
    """Seconds since 1970 of a timestamp as `TIMESTAMP` describes it; None for no such time.

    `zone` is that of timestamps that tell none; None: this machine's.
    """
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    year = parts["year"] or parts["late_year"]
    try:
        if parts["zone"]:
            return int(_moment(parts, int(year), None, parts["zone"]).timestamp())
        years = [int(year)] if year else _years_before(now, zone)
    except (ValueError, OverflowError):
        return None
    # A year that is told may lie ahead: whoever reads the line bounds it.
    latest = None if year else now + _AHEAD
    return _latest(parts, years, zone, now, latest)


def _years_before(now: int, zone: tzinfo | None) -> Iterable[int]:
    year = datetime.fromtimestamp(now + _AHEAD, zone).year
    return range(year, year - _YEARS_BACK - 1, -1)


def _latest(
    parts: re.Match[str], years: Iterable[int], zone: tzinfo | None, now: int, latest: int | None
) -> int | None:
    for year in years:
        try:
            moment = _moment(parts, year, zone)
            # Two differ in the hours that summer time repeats or leaves out.
            readings = sorted({int(moment.replace(fold=fold).timestamp()) for fold in (0, 1)})
        except (ValueError, OverflowError):
            continue
        past = [seconds for seconds in readings if seconds <= now + _AT_ONCE]
        seconds = past[-1] if past else readings[0]
        if latest is None or seconds <= latest:
            return seconds
    return None


def _moment(parts: re.Match[str], year: int, zone: tzinfo | None, offset: str = "") -> datetime:
    """The moment that a timestamp names, in a zone or at an offset; raises ValueError."""
    month = _MONTHS.get(parts["month"]) or int(parts["month"])
    day, hour, minute = int(parts["day"]), int(parts["hour"]), int(parts["minute"])
    # A leap second is told as 60.
    second = min(int(parts["second"]), 59)
    if not offset:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    date = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    return datetime.fromisoformat(f"{date}{offset}")
