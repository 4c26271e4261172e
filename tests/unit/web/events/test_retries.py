"""What follows from an attempt."""

import pytest

from bouncegate.web.events.retries import DELAYS, LONGEST_ASKED, Answer, Outcome, asked, judge

HOUR = 3600


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judge(Answer(status, ""), 1, 0, 0).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("status", [0, 100, 300, 301, 308, 400, 404, 408, 413, 422, 429, 500, 503])
def test_all_else_is_tried_again_in_5_seconds(status: int) -> None:
    assert judge(Answer(status, ""), 1, 1000, 0) == (Outcome.AGAIN, 1005)


def test_410_disables_at_once() -> None:
    assert judge(Answer(410, ""), 1, 0, 0).outcome is Outcome.DISABLED


def test_the_table_is_that_of_the_standard() -> None:
    hours = [2, 5, 10, 14, 20, 24]
    assert list(DELAYS) == [5, 300, 1800, *(hour * HOUR for hour in hours)]
    dues = [judge(Answer(500, ""), n, 0, 0) for n in range(1, 11)]
    assert [one.due for one in dues[:9]] == list(DELAYS)
    assert dues[9].outcome is Outcome.DEAD


def test_jitter_makes_a_delay_longer_by_a_tenth_at_most() -> None:
    assert judge(Answer(500, ""), 2, 0, 1).due == pytest.approx(330)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 01 Jan 1970 00:20:00 GMT", 200),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("", 0),
        ("-5", 0),
        ("soon", 0),
        ("\u0663", 0),
        ("9" * 400, 999_999_999),
        ("Mon, 32 Foo 99999 99:99:99", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float) -> None:
    assert asked(text, 1000) == seconds


def test_retry_after_is_bounded_and_never_shortens_the_delay() -> None:
    long = judge(Answer(429, "", "999999999"), 1, 0, 0)
    assert long.due == LONGEST_ASKED == 24 * HOUR
    assert judge(Answer(503, "", "1"), 2, 0, 0).due == 300
    assert judge(Answer(500, "", "9999"), 1, 0, 0).due == 5
