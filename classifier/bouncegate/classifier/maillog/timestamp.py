"""The time of a log line: timestamps of RFC 3164 and RFC 3339 with the variations of daemons.

    Nov 25 04:04:51              RFC 3164, 4.1.2; also with a fraction, or a year before or after
    2026-11-25T04:04:51.12+01:00 RFC 3339; also with a blank for the T, a comma, +0100, or no zone

A timestamp without a year is of the latest year in which it is not in the future; the clocks of
machines that log to one file may differ a little.

A timestamp without a zone is in the local time of its writer. If that is another zone than the
reader's, or the hour is one that the end of summer time repeats, the time is off by whole quarters
of an hour. The ledger knows when a message was sent and the line how long ago that was, so each
line about one of our messages corrects itself (`offset_of`).
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
"""A regular expression for timestamps that begin with a numeric year, month and day."""
TIMESTAMP: Final = rf"(?:[0-9]{{4}} )?[A-Z][a-z]{{2}} [ 0-3]?[0-9] (?:[0-9]{{4}} )?{_CLOCK}|{ISO}"
"""A regular expression for all forms."""

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
# Seconds by which another machine's clock may be ahead of ours.
_AHEAD: Final = 86_400
# Seconds by which a line that is read at once may be ahead: if the hour is repeated at the end of
# summer time, a reading further ahead than this is the wrong one.
_AT_ONCE: Final = 60
# 29 February 2104 is the next after that of 2096, eight years earlier.
_YEARS_BACK: Final = 8

# Seconds. All zones differ from UTC by a multiple of this.
_QUARTER: Final = 900
# Seconds. A smaller difference comes from a slow client or a clock: zones that can be mistaken for
# one another are at least half an hour apart.
_LEAST: Final = 1800
_FARTHEST: Final = 26 * 3600
"""From UTC-12 to UTC+14."""
# Seconds by which the time in the ledger and that in the log may differ.
_SLACK: Final = 300


@lru_cache(maxsize=64)
def has_zone(text: str) -> bool:
    """Whether a timestamp includes its offset from UTC."""
    return text[:1].isdigit() and _ZONE.search(text, 19) is not None


# Cached because many lines have the same second, and a run has one `now`.
@lru_cache(maxsize=64)
def seconds_of(text: str, now: int, zone: tzinfo | None = None) -> int | None:
    """Seconds since 1970 of a timestamp that matches `TIMESTAMP`; None if there is no such time.

    `zone` applies to timestamps without one; None: this machine's.
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
    # A timestamp with a year may be in the future: the caller bounds it.
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
            # The two readings differ in the hours that summer time repeats or skips.
            readings = sorted({int(moment.replace(fold=fold).timestamp()) for fold in (0, 1)})
        except (ValueError, OverflowError):
            continue
        past = [seconds for seconds in readings if seconds <= now + _AT_ONCE]
        seconds = past[-1] if past else readings[0]
        if latest is None or seconds <= latest:
            return seconds
    return None


def _moment(parts: re.Match[str], year: int, zone: tzinfo | None, offset: str = "") -> datetime:
    """The moment of a timestamp, in a zone or at an offset; raises ValueError."""
    month = _MONTHS.get(parts["month"]) or int(parts["month"])
    day, hour, minute = int(parts["day"]), int(parts["hour"]), int(parts["minute"])
    # A leap second is written as 60.
    second = min(int(parts["second"]), 59)
    if not offset:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    date = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    return datetime.fromisoformat(f"{date}{offset}")


def offset_of(logged: int, expected: Iterable[float], known: int = 0) -> int:
    """Seconds to add to a time that was logged without a zone.

    `expected` are the times at which it may have been written; `known` is the offset found before.
    """
    apart = [moment - logged for moment in expected]
    if any(abs(seconds - known) <= 2 * _SLACK for seconds in apart):
        return known
    for seconds in apart:
        offset = round(seconds / _QUARTER) * _QUARTER
        is_possible = offset == 0 or _LEAST <= abs(offset) <= _FARTHEST
        if is_possible and abs(seconds - offset) <= _SLACK:
            return offset
    return known


def in_words(offset: int) -> str:
    """An offset in hours and minutes, as in `9 h` or `5 h 30 min`."""
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
