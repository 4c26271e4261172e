"""How far off times are that tell no zone, by what is known of when they were written.

RFC 3164's timestamps are in the local time of whoever wrote them. Where that is another zone than
the reader's, or the hour is one that summer time repeats, the time of a line is off by whole
quarters of an hour. The ledger tells when a message was sent and the line how long ago that was, so
each line about a message of ours corrects itself.
"""

from collections.abc import Iterable
from typing import Final

# All zones differ from UTC by a multiple of it.
_QUARTER: Final = 900
# Below this a difference is a slow client or a clock: zones in use for which machines may be
# mistaken for one another are half an hour apart or more.
_LEAST: Final = 1800
_FARTHEST: Final = 26 * 3600
"""From UTC-12 to UTC+14."""
# What may lie between the time that the ledger knows and that of the log, in seconds.
_SLACK: Final = 300


def offset_of(told: int, expected: Iterable[float], known: int = 0) -> int:
    """Seconds to be added to a time that was told without a zone.

    `expected` are the times at which it may have been written, `known` is what was found before.
    """
    apart = [moment - told for moment in expected]
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
