"""The clock: in doubt where it is far ahead of when it was last right, or behind it."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.policy.clock import DAY, ClockMark, Moment, is_news, looked_at

NOW = 1_800_000_000
HOUR = 3600


def after(mark: ClockMark | None, moments: Iterable[Moment]) -> ClockMark:
    for moment in moments:
        mark = looked_at(mark, moment)
    assert mark is not None
    return mark


def hours(start: int, number: int, uptime: int = 0) -> Iterable[Moment]:
    """A look an hour, by a clock that runs evenly."""
    return (Moment(start + n * HOUR, uptime + n * HOUR) for n in range(number))


def test_clock_without_a_mark_is_trusted() -> None:
    assert looked_at(None, Moment(NOW, 5)) == ClockMark(NOW, 5)


@pytest.mark.parametrize(
    ("away", "wrong"),
    [
        (-40 * DAY, "behind"),
        (-301, "behind"),
        (-300, ""),
        (0, ""),
        (DAY, ""),
        (25 * HOUR, "ahead"),
        (740 * DAY, "ahead"),
    ],
)
def test_clock_is_in_doubt_a_day_ahead_of_its_mark_and_minutes_behind_it(
    away: int, wrong: str
) -> None:
    mark = looked_at(ClockMark(NOW), Moment(NOW + away, 5))
    assert mark.wrong == wrong
    assert mark.latest == (max(NOW, NOW + away) if not wrong else NOW), "a doubt moves no mark"


def test_clock_that_is_right_again_is_trusted_at_once() -> None:
    doubted = looked_at(ClockMark(NOW), Moment(NOW + 40 * DAY, 5))
    assert looked_at(doubted, Moment(NOW + 60, 65)) == ClockMark(NOW + 60, 65)


@pytest.mark.parametrize("away", [7 * DAY, -7 * DAY])
def test_clock_is_trusted_after_it_has_run_evenly_for_a_day(away: int) -> None:
    almost = after(ClockMark(NOW), hours(NOW + away, 24))
    assert (almost.wrong != "", almost.left) == (True, HOUR)
    assert looked_at(almost, Moment(NOW + away + DAY, DAY)) == ClockMark(NOW + away + DAY, DAY)


def test_clock_that_jumps_meanwhile_begins_its_day_again() -> None:
    almost = after(ClockMark(NOW), hours(NOW + 7 * DAY, 24))
    jumped = looked_at(almost, Moment(NOW + 9 * DAY, 24 * HOUR))
    assert (jumped.wrong, jumped.left) == ("ahead", DAY)


def test_clock_of_a_machine_that_is_on_for_some_hours_a_day_is_trusted_in_the_end() -> None:
    mark = after(ClockMark(NOW), hours(NOW + 7 * DAY, 9))
    mark = after(mark, hours(NOW + 8 * DAY, 9))
    mark = after(mark, hours(NOW + 9 * DAY, 8))
    assert mark.left == HOUR
    assert not looked_at(mark, Moment(NOW + 9 * DAY + 8 * HOUR, 8 * HOUR)).wrong


def test_clock_that_jumped_while_the_machine_was_off_begins_its_day_again() -> None:
    mark = after(ClockMark(NOW), hours(NOW + 7 * DAY, 9, uptime=50 * HOUR))
    assert looked_at(mark, Moment(NOW + 30 * DAY, 10)).left == DAY


@given(st.lists(st.tuples(st.integers(-900 * DAY, 900 * DAY), st.integers(0, HOUR)), max_size=23))
def test_clock_that_jumps_about_for_less_than_a_day_never_moves_its_mark_far(
    looks: list[tuple[int, int]],
) -> None:
    mark, uptime = ClockMark(NOW, 0), 0
    for away, passed in looks:
        uptime += passed
        mark = looked_at(mark, Moment(NOW + away, uptime))
        assert NOW <= mark.latest <= NOW + 2 * uptime


def test_clock_that_is_some_hours_further_ahead_each_time_is_in_doubt_in_the_end() -> None:
    mark = ClockMark(NOW, 0)
    for step in range(1, 40):
        mark = looked_at(mark, Moment(NOW + step * 20 * HOUR, step))
        assert bool(mark.wrong) == (step > 1)
        mark = looked_at(mark, Moment(NOW + step, step))
        assert not mark.wrong, "the right clock is not the one in doubt"


def test_clock_mark_that_fell_behind_catches_up() -> None:
    """The machine was off for twenty hours, and nobody looked before it had run for longer."""
    mark = looked_at(ClockMark(NOW, HOUR), Moment(NOW + 20 * HOUR, 2 * HOUR))
    assert mark == ClockMark(NOW + 2 * HOUR, 2 * HOUR)
    mark = after(mark, hours(NOW + 20 * HOUR, 30, uptime=2 * HOUR))
    assert mark.latest == NOW + 49 * HOUR


def test_clock_mark_is_written_once_a_minute_at_most_while_all_is_well() -> None:
    mark, writes = ClockMark(NOW, 0), 0
    for second in range(600):
        seen = looked_at(mark, Moment(NOW + second, second))
        if is_news(mark, seen):
            mark, writes = seen, writes + 1
    assert writes == 9


def test_clock_doubt_is_written_when_it_begins_and_ends_and_once_a_minute() -> None:
    mark = ClockMark(NOW)
    doubted = looked_at(mark, Moment(NOW + 7 * DAY, 0))
    assert is_news(mark, doubted)
    assert not is_news(doubted, looked_at(doubted, Moment(NOW + 7 * DAY + 59, 59)))
    assert is_news(doubted, looked_at(doubted, Moment(NOW + 7 * DAY + 60, 60)))
    assert is_news(doubted, looked_at(doubted, Moment(NOW, 1)))
