"""Times as people name them: a day, an exact time, or a duration."""

from datetime import UTC, datetime

from bouncegate.config.durations import parse_duration
from bouncegate.policy.records import NO_END


class BadValue(ValueError):
    """What was asked for cannot be: in English, and by a key for the words of other faces."""

    def __init__(self, english: str, key: str, **values: object) -> None:
        """`key` and `values` are those of `bouncegate.admin.words.texts`."""
        super().__init__(english)
        self.key = key
        self.values = values


def time_of(text: str, now: int) -> int:
    """A time in the past, or how long ago it was, in seconds since 1970; 0 if none is given.

    What is outside of the times that records can have is the nearest of these. Raises BadValue.
    """
    if not text:
        return 0
    try:
        return min(max(_exact(text), 1), NO_END - 1)
    except ValueError:
        try:
            return _ago(text, now)
        except ValueError as error:
            hint = f'{error}; or a time, such as "2027-01-31T12:00Z"'
            raise BadValue(hint, "fault.time", text=text) from None


def end_of(text: str, now: int) -> int:
    """The end of a lock, in seconds since 1970; NO_END if none is given. Raises BadValue."""
    if not text:
        return NO_END
    try:
        end = _exact(text)
    except ValueError:
        try:
            end = parse_duration(text).after(now)
        except ValueError as error:
            hint = f'{error}; or a day, such as "2027-01-31"'
            raise BadValue(hint, "fault.end", text=text) from None
    if not now < end < NO_END:
        hint = f"{text!r} must be in the future, and before the year 2106"
        raise BadValue(hint, "fault.past", text=text)
    return end


def period_of(since: str, until: str, now: int) -> tuple[int, int]:
    """The first second of a period and the one after its last; 0 where nothing is said.

    Raises BadValue.
    """
    start, end = time_of(since, now), time_of(until, now)
    if end and start >= end:
        raise BadValue("--since must be before --until", "fault.period")
    return start, end


def _exact(text: str) -> int:
    day = datetime.fromisoformat(text)
    return int((day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp())


def _ago(text: str, now: int) -> int:
    duration = parse_duration(text)
    if duration.months:
        raise ValueError("months and years are not an exact time ago: write days")
    return max(now - duration.seconds, 0)
