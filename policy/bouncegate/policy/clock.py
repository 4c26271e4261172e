"""Whether the clock of this machine can be trusted with what nothing brings back.

Deletion, expiry and settlement depend on the clock, and a clock that is wrong for one second can do
damage. So the latest time at which it was right is kept as a mark. A clock that is more than a day
ahead of the mark, or behind it, is in doubt until it has run evenly for a day, or an operator
accepts it. Evenly means as fast as the clock that counts since boot (CLOCK_BOOTTIME,
clock_gettime(2)), which nobody can set. That clock also leads the mark: a clock that is some hours
ahead for a moment does not move it by these hours, so no number of such moments adds up.

That the kernel calls its clock synchronized (STA_UNSYNC of adjtimex(2) is not set) proves nothing
here: a time server that is wrong sets that flag as well.
"""

from typing import Final, Literal, NamedTuple

from msgspec import Struct

DAY: Final = 86_400
# A job of cron(8) that runs once a day may be half an hour late.
_AHEAD: Final = DAY + 1800
# chrony and systemd-timesyncd set a clock back by seconds; processes that look at it are no further
# apart.
_BEHIND: Final = 300
# By so much may the two clocks differ from one look to the next.
_UNEVEN: Final = 60
# The mark falls behind if the machine was off and the clock was not checked for as long afterwards.
_CATCH_UP: Final = 2
# How far the mark may be behind, so that not every look is a write.
_MINUTE: Final = 60


class Moment(NamedTuple):
    """One look at both clocks."""

    time: int
    """Seconds since 1970."""
    uptime: int
    """Seconds since boot, those asleep included."""


class Doubt(Struct, frozen=True):
    """The last look at a clock that is in doubt."""

    time: int
    uptime: int
    steady: int = 0
    """For how many seconds it has run evenly."""


class ClockMark(Struct, frozen=True, omit_defaults=True):
    """What is kept of the clock."""

    latest: int
    """The latest time that is known to be right."""
    uptime: int | None = None
    """How long after boot it was; None: unknown."""
    doubt: Doubt | None = None

    @property
    def wrong(self) -> Literal["", "ahead", "behind"]:
        """Why the clock is in doubt; empty where it is trusted."""
        if self.doubt is None:
            return ""
        return "ahead" if self.doubt.time > self.latest else "behind"

    @property
    def left(self) -> int:
        """In how many seconds the clock is trusted if it goes on evenly."""
        return 0 if self.doubt is None else max(DAY - self.doubt.steady, 0)


def looked_at(known: ClockMark | None, now: Moment) -> ClockMark:
    """The mark after a look at the clock; without one, the clock is trusted."""
    if known is None:
        return ClockMark(*now)
    if known.latest - _BEHIND <= now.time <= known.latest + _AHEAD:
        return ClockMark(max(known.latest, min(now.time, _reach(known, now))), now.uptime)
    steady = 0 if known.doubt is None else _steady(known.doubt, now)
    if steady >= DAY:
        return ClockMark(*now)
    return ClockMark(known.latest, known.uptime, Doubt(now.time, now.uptime, steady))


def _reach(known: ClockMark, now: Moment) -> int:
    """How far the mark may have moved: twice as fast as time, to catch up where it fell behind."""
    if known.uptime is None or now.uptime < known.uptime:  # booted since
        return now.time
    return known.latest + _CATCH_UP * (now.uptime - known.uptime)


def _steady(last: Doubt, now: Moment) -> int:
    """For how long the clock has run evenly by now."""
    passed, ran = now.time - last.time, now.uptime - last.uptime
    if ran < 0:  # booted since: how long the machine was off is unknown
        return last.steady if 0 <= passed <= _AHEAD else 0
    return last.steady + ran if abs(passed - ran) <= _UNEVEN else 0


def is_news(known: ClockMark | None, mark: ClockMark) -> bool:
    """Whether a mark differs so much from the one that is kept that it is worth a write."""
    if known is None or mark.latest < known.latest or mark.latest - known.latest >= _MINUTE:
        return True
    old, new = known.doubt, mark.doubt
    if old is None or new is None:
        return old is not new
    return new.steady < old.steady or not 0 <= new.uptime - old.uptime < _MINUTE
