"""What may wait without end is tried out by a child process, which can be given up."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bouncegate.config.problems import ConfigError, Problem
from bouncegate.daemon.childcall import Unfinished, call_in_child
from bouncegate.store.errors import StoreBusy


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def test_trial_that_goes_well_leaves_nothing_behind() -> None:
    before = children()
    call_in_child(lambda: None, 60.0)
    assert children() == before


@pytest.mark.parametrize(
    "error", [StoreBusy("held"), ConfigError([Problem("a.toml", 3, "milter", "is wrong")])]
)
def test_trial_tells_why_it_failed(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        call_in_child(fail, 60.0)
    assert str(raised.value) == str(error)
    if isinstance(error, ConfigError):
        assert isinstance(raised.value, ConfigError)
        assert raised.value.problems == error.problems


def test_trial_that_dies_is_unfinished() -> None:
    with pytest.raises(Unfinished, match="died"):
        call_in_child(lambda: os.kill(os.getpid(), signal.SIGKILL), 60.0)


def test_trial_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(Unfinished, match="too long"):
        call_in_child(lambda: time.sleep(3600), 0.1)


def test_trial_is_given_up_when_the_daemon_is_to_stop() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        with pytest.raises(Unfinished, match="stop"):
            call_in_child(lambda: time.sleep(3600), 60.0)
        assert signal.sigtimedwait({signal.SIGTERM}, 0) is not None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
