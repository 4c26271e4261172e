"""Times as options name them; what cannot be is a fault of the option."""

import typer

from bouncegate.admin import times
from bouncegate.admin.times import BadValue


def time_of(text: str, now: int) -> int:
    """A time in the past, or how long ago it was, in seconds since 1970; 0 if none is given."""
    try:
        return times.time_of(text, now)
    except BadValue as error:
        raise typer.BadParameter(str(error)) from None


def end_of(text: str, now: int) -> int:
    """The end of a lock, in seconds since 1970; NO_END if none is given."""
    try:
        return times.end_of(text, now)
    except BadValue as error:
        raise typer.BadParameter(str(error)) from None


def period_of(since: str, until: str, now: int) -> tuple[int, int]:
    """The first second of a period and the one after its last; 0 where no option says it.

    Raises typer.BadParameter.
    """
    try:
        return times.period_of(since, until, now)
    except BadValue as error:
        raise typer.BadParameter(str(error)) from None
