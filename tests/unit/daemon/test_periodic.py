"""Work that comes round goes on, whatever becomes of one piece of it."""

import logging
import threading

import pytest

from bouncegate.daemon.periodic import PeriodicTask, run_once, run_until
from bouncegate.store.errors import StoreFull


def failing(error: Exception) -> PeriodicTask:
    def run(_stop: threading.Event) -> None:
        raise error

    return PeriodicTask("failing", 0.001, run)


def test_a_task_that_fails_stops_no_other_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    tasks = [
        failing(OSError("no disk")),
        PeriodicTask("good", 1, lambda _stop: done.append("good")),
    ]
    with caplog.at_level(logging.ERROR):
        assert run_once(tasks, threading.Event()) is False
    assert done == ["good"]
    assert caplog.messages == ["failing failed: no disk"]
    assert run_once(tasks[1:], threading.Event()) is True


@pytest.mark.parametrize(
    ("error", "trace"), [(StoreFull("full"), False), (KeyError("a fault of ours"), True)]
)
def test_what_was_not_foreseen_is_logged_with_its_trace(
    error: Exception, trace: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run_once([failing(error)], threading.Event())
    assert (caplog.records[0].exc_info is not None) is trace


def test_tasks_come_round_after_a_failure_too_until_they_are_told_to_stop() -> None:
    stop, rounds = threading.Event(), threading.Semaphore(0)

    def run(_stop: threading.Event) -> None:
        rounds.release()
        raise OSError("again")

    def look() -> None:
        for _ in range(3):
            assert rounds.acquire(timeout=20)
        stop.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    assert run_until(stop, [PeriodicTask("again", 0.001, run)]) is True
    watcher.join()


def test_a_slow_task_delays_no_other() -> None:
    stop, release = threading.Event(), threading.Event()

    def wait(_stop: threading.Event) -> None:
        release.wait(20)

    def finish(_stop: threading.Event) -> None:
        release.set()
        stop.set()

    assert (
        run_until(stop, [PeriodicTask("slow", 1, wait), PeriodicTask("quick", 1, finish)]) is True
    )
