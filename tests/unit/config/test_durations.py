"""A lock must end on the day that a person would name, whatever the calendar does."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.config.durations import END_OF_TIME, Duration, parse_duration


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ("2026-01-31T10:00", "1 month", "2026-02-28T10:00"),
        ("2028-01-31T10:00", "1 month", "2028-02-29T10:00"),
        ("2028-02-29T10:00", "1 year", "2029-02-28T10:00"),
        ("2026-11-23T00:00", "1 year", "2027-11-23T00:00"),
        ("2026-12-15T23:59", "2 months", "2027-02-15T23:59"),
        ("2026-03-28T12:00", "1 day", "2026-03-29T12:00"),
        ("2026-03-01T00:00", "1 week 2 days 3 hours 4 minutes", "2026-03-10T03:04"),
    ],
)
def test_months_follow_the_calendar_and_days_are_exact(start: str, text: str, end: str) -> None:
    assert parse_duration(text).after(at(start)) == at(end)


@pytest.mark.parametrize(
    "text", ["", "year", "1", "-1 year", "1.5 years", "1 jear", "1 year or so"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and a unit"):
        parse_duration(text)


def test_an_end_beyond_what_a_lock_can_hold_is_the_last_second_it_can() -> None:
    assert parse_duration("500 years").after(at("2026-01-01")) == END_OF_TIME
    assert parse_duration("999999 weeks").after(at("2026-01-01")) == END_OF_TIME


@given(st.builds(Duration, st.integers(0, 10_000), st.integers(0, 10**9)))
def test_a_duration_reads_back_as_it_is_written(duration: Duration) -> None:
    assert parse_duration(str(duration)) == duration


@given(st.builds(Duration, st.integers(0, 600), st.integers(0, 10**8)), st.integers(0, 2**32 - 2))
def test_an_end_is_never_before_its_start(duration: Duration, start: int) -> None:
    assert start <= duration.after(start) <= END_OF_TIME


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("30 sec", 30), ("90min", 5400), ("6h", 21_600), ("7d", 604_800),
        ("2w", 1_209_600), ("1d 12h", 129_600), ("1h30min", 5400),
    ],
)  # fmt: skip
def test_short_units_are_those_of_sleep_and_systemd(text: str, seconds: int) -> None:
    assert parse_duration(text) == Duration(seconds=seconds)


def test_short_year_is_one_of_the_calendar() -> None:
    assert parse_duration("1y") == Duration(months=12)


def test_minute_or_month_is_asked_back() -> None:
    with pytest.raises(ValueError, match='"5m" is ambiguous: write "5 min" or "5 months"'):
        parse_duration("5m")
