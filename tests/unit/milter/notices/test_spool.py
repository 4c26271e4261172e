"""The spool: nothing that was taken in is lost, and nobody can fill it for all."""

import os
import time
from pathlib import Path

import pytest

from bouncegate.milter.notices.spool import FOLDER, Spool, SpoolFull
from bouncegate.milter.notices.throttle import Throttle


def test_notices_come_out_as_they_went_in_the_oldest_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    told = [(f"ä{number}@sender.test", b"Subject: %d\r\n\r\nx\n" % number) for number in range(3)]
    for recipient, message in told:
        spool.put(recipient, message)
    letters = [spool.read(path) for path in Spool(tmp_path, 100).waiting()]
    assert [(letter.recipient, letter.message) for letter in letters] == told
    for letter in letters:
        spool.remove(letter.path)
    assert spool.waiting() == []


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    Spool(tmp_path, 100).put("ann@sender.test", b"x")
    assert (tmp_path / FOLDER).stat().st_mode & 0o077 == 0


def test_without_a_store_nothing_waits_and_nothing_can_be_kept(tmp_path: Path) -> None:
    """The milter must start all the same, and let the recipient pass."""
    spool = Spool(tmp_path / "missing", 100)
    assert spool.waiting() == []
    with pytest.raises(OSError, match="missing"):
        spool.put("ann@sender.test", b"x")


def test_a_full_spool_takes_nothing_more_until_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2)
    spool.put("a@sender.test", b"")
    spool.put("b@sender.test", b"")
    with pytest.raises(SpoolFull, match="is bouncegate notices running"):
        spool.put("c@sender.test", b"")
    spool.remove(spool.waiting()[0])
    spool.put("c@sender.test", b"")


def test_a_job_that_runs_wild_leaves_room_for_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 30)
    for _ in range(3):
        spool.put("wild@sender.test", b"")
    with pytest.raises(SpoolFull, match="this sender's"):
        spool.put("wild@sender.test", b"")
    spool.put("ann@sender.test", b"")


def test_a_notice_that_was_not_written_whole_is_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError("disk full")

    spool = Spool(tmp_path, 100)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        spool.put("ann@sender.test", b"x")
    assert spool.waiting() == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_pace_allows_a_few_at_once_and_then_so_many_an_hour() -> None:
    start = time.monotonic()
    pace = Throttle(3600, start)
    assert sum(pace.allows(start) for _ in range(100)) == 20
    assert not pace.allows(start + 0.9)
    assert pace.allows(start + 1.1)
    assert sum(pace.allows(start + 3601) for _ in range(100)) == 20


def test_a_slow_pace_still_allows_one_at_a_time() -> None:
    pace = Throttle(1, 0.0)
    assert [pace.allows(now) for now in (0.0, 1800.0, 3601.0)] == [True, False, True]
