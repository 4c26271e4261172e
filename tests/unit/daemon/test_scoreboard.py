"""The scoreboard: no count is lost, none goes back, and a worker that is gone leaves no state."""

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.scoreboards import counters_of, row_of

from bouncegate.config.settings import MetricsSettings
from bouncegate.config.values import FileName
from bouncegate.daemon.scoreboard import SPANS, Row, Scoreboard, Snapshot, note_span, spans

NAMES = (*spans("answer"), ("seen", "yes"), ("seen", "no"))
YES, NO = NAMES.index(("seen", "yes")), NAMES.index(("seen", "no"))
FURTHER = (("seen", "later"), *NAMES)


def read(path: Path) -> Snapshot:
    snapshot = Snapshot.read(path)
    assert snapshot is not None
    return snapshot


def next_program(
    board: Scoreboard, names: tuple[tuple[str, ...], ...], row: Row
) -> tuple[Scoreboard, Row]:
    """The scoreboard, and a worker's row, as the program that follows in the process finds them."""
    after = Scoreboard(os.dup(board.descriptor), names)
    inherited = after.row_at(row.entry.place)
    assert inherited is not None
    return after, inherited


@contextmanager
def no_room() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_counters_of_processes_are_apart_and_are_summed(tmp_path: Path) -> None:
    children = []
    for number, row in enumerate(Scoreboard.in_file(tmp_path / "daemon", NAMES).take(2)):
        if (pid := os.fork()) == 0:
            for _ in range(1000 + number):
                row.counters[YES] += 1
            os._exit(0)
        children.append(pid)
    for child in children:
        os.waitpid(child, 0)
    assert read(tmp_path / "daemon").sums()["seen", "yes"] == 2001


def test_counters_of_threads_that_share_a_row_lose_nothing() -> None:
    """libmilter answers sessions in several threads of a worker."""
    counters = counters_of(NAMES)

    def count() -> None:
        for _ in range(50_000):
            note_span(counters, 0, time.perf_counter_ns())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert sum(counters[:SPANS]) == 200_000


def test_counters_of_a_worker_that_ended_go_on_in_its_successor(tmp_path: Path) -> None:
    """Prometheus takes a sum that goes back for a restart, and shows a burst that never was."""
    board = Scoreboard.in_file(tmp_path / "daemon", NAMES)
    (first,) = board.take(1)
    first.counters[NO] += 7
    first.release()
    (second,) = board.take(1)
    second.counters[NO] += 1
    snapshot = read(tmp_path / "daemon")
    assert len(snapshot.rows) == 1
    assert snapshot.sums()["seen", "no"] == 8


def test_row_of_a_worker_that_was_killed_keeps_its_counters_and_nothing_else() -> None:
    board = Scoreboard.in_memory(NAMES)
    killed, other = board.take(2)
    if (pid := os.fork()) == 0:
        killed.beat()
        killed.sessions = 3
        killed.counters[YES] += 1
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    other.sessions = 1
    assert (killed.beats, killed.sessions) == (1, 3)
    killed.release()
    (successor,) = board.take(1)
    assert (successor.entry.place, successor.beats, successor.sessions) == (
        killed.entry.place,
        0,
        0,
    )
    assert successor.counters[YES] == 1
    assert other.sessions == 1


def test_next_program_goes_on_with_the_rows_that_are_there() -> None:
    before = Scoreboard.in_memory(NAMES)
    old, gone = before.take(2)
    old.beat()
    old.counters[YES], gone.counters[YES] = 5, 6
    after, inherited = next_program(before, NAMES, old)
    old.beat()
    assert inherited.beats == 2
    another, fresh = after.take(2)
    assert (fresh.entry.place, fresh.counters[YES]) == (gone.entry.place, 6), "nobody has it"
    assert another.entry.place not in (old.entry.place, gone.entry.place)
    inherited.release()
    assert [row.entry.place for row in after.take(1)] == [old.entry.place]


def test_next_program_that_counts_more_takes_rows_of_its_own_and_sums_go_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "daemon"
    before = Scoreboard.in_file(path, NAMES)
    (old,) = before.take(1)
    old.counters[YES] = 5
    after, inherited = next_program(before, FURTHER, old)
    (new,) = after.take(1)
    new.counters[FURTHER.index(("seen", "yes"))] += 1
    new.counters[FURTHER.index(("seen", "later"))] += 2
    old.counters[YES] += 1  # it drains
    sums = read(path).sums()
    assert (sums["seen", "yes"], sums["seen", "later"]) == (7, 2)
    inherited.release()
    assert [row.entry.place == old.entry.place for row in after.take(1)] == [False]
    assert read(path).sums()["seen", "yes"] == 7


def test_rows_for_which_there_is_no_room_are_refused_and_none_is_taken() -> None:
    board = Scoreboard.in_memory(NAMES)
    (first,) = board.take(1)
    first.release()
    with no_room(), pytest.raises(OSError, match="File too large"):
        board.take(2)
    assert [row.entry.place for row in board.take(1)] == [first.entry.place]
    assert len(board.take(3)) == 3


def test_snapshot_says_whether_the_daemon_lives(tmp_path: Path) -> None:
    path = tmp_path / "daemon"
    ready, done = os.pipe(), os.pipe()
    if (pid := os.fork()) == 0:
        board = Scoreboard.in_file(path, NAMES)
        os.write(ready[1], b".")
        os.read(done[0], 1)
        del board
        os._exit(0)
    os.read(ready[0], 1)
    assert read(path).alive
    os.write(done[1], b".")
    os.waitpid(pid, 0)
    assert not read(path).alive


def test_file_of_a_daemon_that_died_is_replaced(tmp_path: Path) -> None:
    old = Scoreboard.in_file(tmp_path / "daemon", NAMES)
    old.take(1)[0].counters[YES] = 5
    Scoreboard.in_file(tmp_path / "daemon", NAMES)
    assert read(tmp_path / "daemon").sums()["seen", "yes"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["daemon"]


@pytest.mark.parametrize("octets", [b"", b"BG", b"NOTOURS!" + bytes(5000)])
def test_file_of_something_else_is_passed_over(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "daemon").write_bytes(octets)
    assert Snapshot.read(tmp_path / "daemon") is None
    assert Snapshot.read(tmp_path / "nothing") is None


def test_file_that_cannot_be_made_costs_figures_and_no_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing, there = tmp_path / "no" / "such" / "folder", tmp_path / "there"
    settings = MetricsSettings(counters=missing)
    assert len(Scoreboard.of(settings, "daemon", NAMES).take(2)) == 2
    assert caplog.text == "", "nobody asks"
    asked = MetricsSettings(counters=missing, textfile=FileName(tmp_path / "x.prom"))
    board = Scoreboard.of(asked, "daemon", NAMES)
    assert len(board.take(2)) == 2
    assert caplog.text.count("nothing is counted for [metrics]") == 1
    assert Scoreboard.of(asked, "daemon", NAMES, board) is board
    full = MetricsSettings(counters=there, textfile=FileName(tmp_path / "x.prom"))
    with no_room():
        assert Scoreboard.of(full, "daemon", NAMES, board) is board
    assert list(there.iterdir()) == []


def test_file_is_made_when_metrics_are_turned_on_and_stays(tmp_path: Path) -> None:
    off = MetricsSettings(counters=tmp_path)
    on = MetricsSettings(counters=tmp_path, textfile=FileName(tmp_path / "x.prom"))
    first = Scoreboard.of(off, "daemon", NAMES)
    assert list(tmp_path.iterdir()) == []
    second = Scoreboard.of(on, "daemon", NAMES, first)
    assert second is not first
    assert Scoreboard.of(on, "daemon", NAMES, second) is second
    assert Scoreboard.of(off, "daemon", NAMES, second) is second
    (tmp_path / "daemon").unlink()
    third = Scoreboard.of(on, "daemon", NAMES, second)
    assert third is not second
    assert read(tmp_path / "daemon").alive


def test_span_is_counted_by_its_length() -> None:
    counters = row_of(NAMES).counters
    note_span(counters, 0, time.perf_counter_ns() - 3_000_000_000)
    places = [place for place in range(SPANS) if counters[place]]
    assert places == [32], "3 s are 32 bits of nanoseconds"
    assert counters[SPANS] >= 3_000_000_000
