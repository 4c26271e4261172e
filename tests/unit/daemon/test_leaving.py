"""A worker shows that it takes no connection any more, and the supervisor waits for that."""

import logging
import os
import signal
import time

from bouncegate.daemon.child import DRAIN, Child
from bouncegate.daemon.scoreboard import Scoreboard
from lab.waiting import wait_for

_LOG = logging.getLogger("test")


def test_a_worker_that_has_left_the_socket_shows_it_while_its_heart_beats() -> None:
    (row,) = Scoreboard.in_memory([("a",)]).take(1)
    row.beat()
    assert not row.has_left_socket
    row.leave_socket()
    before = row.beats
    row.beat()
    assert row.has_left_socket
    assert row.beats == before + 1


def test_a_row_of_one_that_left_the_socket_shows_nothing_to_its_next_worker() -> None:
    board = Scoreboard.in_memory([("a",)])
    (row,) = board.take(1)
    row.leave_socket()
    row.release()
    (again,) = board.take(1)
    assert not again.has_left_socket


def test_a_child_has_left_the_socket_when_it_says_so_and_not_when_it_is_asked() -> None:
    (row,) = Scoreboard.in_memory([("a",)]).take(1)

    def task(_on_ready: object) -> int:
        signal.sigwait({DRAIN})
        row.leave_socket()
        time.sleep(60)
        return 0

    child = Child("worker", task, _LOG, row)
    child.start()
    try:
        assert not child.has_left_socket
        child.ask(DRAIN)
        wait_for("it leaves", lambda: child.has_left_socket)
    finally:
        child.kill()


def test_a_child_that_has_ended_has_left_the_socket_and_can_still_be_reaped() -> None:
    child = Child("worker", lambda _on_ready: os.EX_TEMPFAIL, _LOG)
    child.start()
    wait_for("it leaves", lambda: child.has_left_socket)
    assert child.reap() == f"exit code {os.EX_TEMPFAIL}"
    assert child.has_left_socket
