"""Times as options name them: a day, an exact time, or a duration."""

from datetime import UTC, datetime

import typer

from bouncegate.config.durations import parse_duration
from bouncegate.policy.records import NO_END


def time_of(text: str, now: int) -> int:
    """A time in the past, or how long ago it was, in seconds since 1970; 0 if none is given."""
    if not text:
        return 0
    try:
        return _exact(text)
    except ValueError:
        try:
            return _ago(text, now)
        except ValueError as error:
            raise typer.BadParameter(f'{error}; or a time, such as "2027-01-31T12:00Z"') from None


def end_of(text: str, now: int) -> int:
    """The end of a lock, in seconds since 1970; NO_END if none is given."""
    if not text:
        return NO_END
    try:
        end = _exact(text)
    except ValueError:
        try:
            end = parse_duration(text).after(now)
        except ValueError as error:
            raise typer.BadParameter(f'{error}; or a day, such as "2027-01-31"') from None
    if not now < end < NO_END:
        raise typer.BadParameter(f"{text!r} must be in the future, and before the year 2106")
    return end


def period_of(since: str, until: str, now: int) -> tuple[int, int]:
    """The first second of a period and the one after its last; 0 where no option says it.

    Raises typer.BadParameter.
    """
    start, end = time_of(since, now), time_of(until, now)
    if end and start >= end:
        raise typer.BadParameter("--since must be before --until")
    return start, end


def _exact(text: str) -> int:
    day = datetime.fromisoformat(text)
    return int((day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp())


def _ago(text: str, now: int) -> int:
    duration = parse_duration(text)
    if duration.months:
        raise ValueError("months and years are not an exact time ago: write days")
    return max(now - duration.seconds, 0)
