"""Errors on the send path: told at once, without drowning the log."""

import logging

import pytest

from bouncegate.daemon.ratelimitedlog import INTERVAL, RateLimitedLog


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_broken_store_is_told_once_and_then_at_intervals_with_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    error_log = RateLimitedLog("accept", clock)
    for _ in range(1000):
        error_log.log("4Zx8Gk2l1vz", OSError("no such file"), expected=True)
    clock.now += INTERVAL
    error_log.log("NOQUEUE", OSError("no such file"), expected=True)
    assert caplog.messages == [
        "4Zx8Gk2l1vz: error: RCPT: OSError: no such file; answered: accept",
        (
            "NOQUEUE: error: RCPT: OSError: no such file; answered: accept "
            "(999 more since the last such line)"
        ),
    ]


def test_another_kind_of_error_is_not_hidden_by_the_first(caplog: pytest.LogCaptureFixture) -> None:
    error_log = RateLimitedLog("tempfail", Clock())
    error_log.log("NOQUEUE", OSError("a"), expected=True)
    error_log.log("NOQUEUE", ValueError("b"), expected=True)
    assert len(caplog.messages) == 2


def test_a_fault_of_the_program_comes_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    error_log = RateLimitedLog("accept", Clock())
    error_log.log("NOQUEUE", OSError("a"), expected=True)
    error_log.log("NOQUEUE", ValueError("b"), expected=False)
    assert [record.exc_info is not None for record in caplog.records] == [False, True]
    assert caplog.records[0].levelno == logging.ERROR


def test_an_error_text_cannot_forge_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    RateLimitedLog("accept", Clock()).log("a\nb", OSError("c\nd" + "x" * 5000), expected=True)
    assert "\n" not in caplog.messages[0]
    assert len(caplog.messages[0]) < 1000
