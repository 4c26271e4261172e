"""Sessions are shared out among the workers that run, and all of them together are bounded."""

from bouncegate.classifier.returnpath.sessions import Sessions
from bouncegate.daemon.scoreboard import Scoreboard

MOST = 8


def test_sessions_are_for_the_worker_with_the_fewest_of_those_that_run() -> None:
    rows = Scoreboard.in_memory(()).take(3)
    first, second, _not_started = (Sessions(row, rows, MOST) for row in rows)
    for row in rows[:2]:
        row.beat()
    assert first.has_fewest
    first.acquire()
    assert not first.has_fewest
    assert second.has_fewest
    first.release()
    assert first.has_fewest


def test_sessions_of_a_worker_that_was_killed_take_no_place() -> None:
    board = Scoreboard.in_memory(())
    rows = board.take(2)
    sessions, killed = (Sessions(row, rows, MOST) for row in rows)
    for row in rows:
        row.beat()
    sessions.acquire()
    for _ in range(MOST - 1):
        killed.acquire()
    assert sessions.is_full
    rows[1].release()
    assert not sessions.is_full
    assert not sessions.is_scarce
    assert sessions.has_fewest
    (successor,) = board.take(1)
    successor.beat()
    assert not sessions.has_fewest, "its row is the one that the others know"
