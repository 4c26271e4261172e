"""Counters in shared memory: none is lost, none goes back, and a reader never breaks a daemon."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from bouncegate.config.settings import MetricsSettings
from bouncegate.config.values import FileName
from bouncegate.daemon.counters import SPANS, Scoreboard, Snapshot, note_span, spans

NAMES = (*spans("answer"), ("seen", "yes"), ("seen", "no"))
YES, NO = NAMES.index(("seen", "yes")), NAMES.index(("seen", "no"))


def read(path: Path) -> Snapshot:
    tally = Snapshot.read(path)
    assert tally is not None
    return tally


def test_processes_count_apart_and_are_summed(tmp_path: Path) -> None:
    board = Scoreboard(tmp_path / "daemon", NAMES)
    rows = [board.row() for _ in range(2)]
    children = []
    for number, row in enumerate(rows):
        assert row is not None
        if (pid := os.fork()) == 0:
            for _ in range(1000 + number):
                row[YES] += 1
            os._exit(0)
        children.append(pid)
    for child in children:
        os.waitpid(child, 0)
    assert read(tmp_path / "daemon").sums()["seen", "yes"] == 2001


def test_no_count_of_threads_that_share_a_row_is_lost(tmp_path: Path) -> None:
    """libmilter answers sessions in several threads of a worker."""
    row = Scoreboard(tmp_path / "daemon", NAMES).row()
    assert row is not None

    def count() -> None:
        for _ in range(50_000):
            note_span(row, 0, time.perf_counter_ns())

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
    assert sum(row[:SPANS]) == 200_000


def test_a_successor_counts_on_in_the_row_of_a_process_that_ended(tmp_path: Path) -> None:
    """Prometheus takes a sum that goes back for a restart, and shows a burst that never was."""
    board = Scoreboard(tmp_path / "daemon", NAMES)
    first = board.row()
    assert first is not None
    first[NO] += 7
    board.release(first)
    second = board.row()
    assert second is not None
    second[NO] += 1
    tally = read(tmp_path / "daemon")
    assert len(tally.rows) == 1
    assert tally.sums()["seen", "no"] == 8


def test_a_reader_is_told_whether_the_daemon_lives(tmp_path: Path) -> None:
    path = tmp_path / "daemon"
    ready, done = os.pipe(), os.pipe()
    if (pid := os.fork()) == 0:
        board = Scoreboard(path, NAMES)
        os.write(ready[1], b".")
        os.read(done[0], 1)
        del board
        os._exit(0)
    os.read(ready[0], 1)
    assert read(path).alive
    os.write(done[1], b".")
    os.waitpid(pid, 0)
    assert not read(path).alive


def test_a_started_daemon_begins_anew(tmp_path: Path) -> None:
    old = Scoreboard(tmp_path / "daemon", NAMES)
    row = old.row()
    assert row is not None
    row[YES] = 5
    Scoreboard(tmp_path / "daemon", NAMES).row()
    assert read(tmp_path / "daemon").sums()["seen", "yes"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["daemon"]


@pytest.mark.parametrize("octets", [b"", b"BG", b"NOTOURS!" + bytes(5000)])
def test_what_is_no_board_is_passed_over(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "daemon").write_bytes(octets)
    assert Snapshot.read(tmp_path / "daemon") is None
    assert Snapshot.read(tmp_path / "nothing") is None


def test_a_folder_that_cannot_be_made_costs_figures_and_no_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = MetricsSettings(counters=tmp_path / "no" / "such" / "folder")
    assert Scoreboard.open(settings, "daemon", NAMES) is None, "nobody asks"
    assert caplog.text == ""
    asked = replace(settings, textfile=FileName(tmp_path / "x.prom"))
    assert Scoreboard.open(asked, "daemon", NAMES) is None
    assert "nothing is counted" in caplog.text


def test_a_span_is_counted_by_its_length(tmp_path: Path) -> None:
    row = Scoreboard(tmp_path / "daemon", NAMES).row()
    assert row is not None
    note_span(row, 0, time.perf_counter_ns() - 3_000_000_000)
    places = [place for place in range(SPANS) if row[place]]
    assert places == [32], "3 s are 32 bits of nanoseconds"
    assert row[SPANS] >= 3_000_000_000
