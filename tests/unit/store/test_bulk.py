"""Acts on many: whoever is killed at any moment has done all of it or nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.unit.store.bounces import bounce_of, policy, record

from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.bulk import MOST_AT_ONCE, Bulk, is_unfinished
from bouncegate.store.errors import StoreDamaged, StoreFull
from bouncegate.store.store import Acted, Store

FOLD = Policy(PolicySettings(), ()).fold
NOW = 1_790_000_000
TOTAL = 40 * MOST_AT_ONCE


@pytest.fixture
def settings(tmp_path: Path) -> StoreSettings:
    return StoreSettings(path=tmp_path, map_size=Size(2**27))


@pytest.fixture
def store(settings: StoreSettings) -> Iterator[Store]:
    with closing(Store.open(settings)) as store:
        yield store


def acts(total: int = 4 * MOST_AT_ONCE) -> Iterator[Act]:
    for start in range(0, total, MOST_AT_ONCE):
        some = tuple(f"user{n:06}@a.de" for n in range(start, start + MOST_AT_ONCE))
        yield Act(some, NOW, "lock", by="root")


def locked(store: Store) -> int:
    return sum(1 for _ in store.addresses.locks())


class Killed(BaseException):
    """Stands for the end of the process."""


def test_all_is_done_and_told(store: Store, tmp_path: Path) -> None:
    told: list[int] = []
    Bulk(store, tmp_path).carry_out(acts(), FOLD, told.append)
    assert locked(store) == told[-1] == 4 * MOST_AT_ONCE
    assert told == sorted(told)
    assert not is_unfinished(tmp_path)


def test_who_is_killed_before_the_decision_has_done_nothing(store: Store, tmp_path: Path) -> None:
    def broken() -> Iterator[Act]:
        yield from acts()
        raise Killed

    with pytest.raises(Killed):
        Bulk(store, tmp_path).carry_out(broken(), FOLD)
    assert locked(store) == 0
    assert not Bulk(store, tmp_path).finish(FOLD)
    assert list((tmp_path / "bulk").glob("d*")) == []


@pytest.mark.parametrize("after", [0, 1, 3])
def test_who_is_killed_after_the_decision_has_his_work_finished(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    act = store.act
    done: list[int] = []

    def until_killed(some: list[Act], *args: Any) -> Acted:
        if len(done) == after:
            raise Killed
        done.append(sum(len(act.addresses) for act in some))
        return act(some, *args)

    monkeypatch.setattr(store, "act", until_killed)
    with pytest.raises(Killed):
        Bulk(store, tmp_path).carry_out(acts(TOTAL), FOLD)
    monkeypatch.undo()
    assert locked(store) == sum(done) < TOTAL
    assert is_unfinished(tmp_path)
    assert Bulk(store, tmp_path).finish(FOLD)
    assert locked(store) == TOTAL
    numbers = sum(1 for _ in store.journal.entries())
    assert numbers == TOTAL // MOST_AT_ONCE, "each act is in the journal once"
    assert not Bulk(store, tmp_path).finish(FOLD)


PROGRAM = """
import sys
from pathlib import Path
from tests.unit.store.test_bulk import *
folder = Path(sys.argv[1])
store = Store.open(StoreSettings(path=folder, map_size=Size(2**27)))
print("begun", flush=True)
Bulk(store, folder).carry_out(acts(TOTAL), FOLD)
"""


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
def test_a_real_kill_leaves_all_or_nothing(
    settings: StoreSettings, tmp_path: Path, delay: float
) -> None:
    root = Path(__file__).resolve().parents[3]
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
    with closing(Store.open(settings)) as store:
        Bulk(store, tmp_path).finish(FOLD)
        assert locked(store) in (0, TOTAL)


def test_two_at_once_wait_for_one_another(store: Store, tmp_path: Path) -> None:
    others = [Act(("other@b.de",), NOW, "lock", by="eve")]
    first = threading.Thread(target=Bulk(store, tmp_path).carry_out, args=(acts(), FOLD))
    first.start()
    Bulk(store, tmp_path).carry_out(others, FOLD)
    first.join()
    assert locked(store) == 4 * MOST_AT_ONCE + 1


def test_handlers_are_not_kept_waiting(store: Store, tmp_path: Path) -> None:
    """Their write lock is free between any two acts: none waits for the whole."""
    turns: list[int] = []
    bulk = threading.Thread(target=Bulk(store, tmp_path).carry_out, args=(acts(3 * TOTAL), FOLD))
    bulk.start()
    while bulk.is_alive():
        store.act([Act(("handler@b.de",), NOW, "lock", by="handler")], FOLD)
        turns.append(locked(store))
    assert len({turn for turn in turns if 1 < turn < 3 * TOTAL}) > 3


def test_a_damaged_file_is_said_so_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bulk").mkdir()
    (tmp_path / "bulk" / "decided").write_bytes(b"12345678\0\0\0\5wrong")
    with pytest.raises(StoreDamaged, match="move it away"):
        Bulk(store, tmp_path).finish(FOLD)
    assert locked(store) == 0


def test_no_room_for_the_file_means_that_nothing_has_happened(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bulk").write_text("in the way")
    with pytest.raises(StoreFull, match="bulk"):
        Bulk(store, tmp_path).carry_out(acts(), FOLD)
    assert locked(store) == 0


def test_what_is_finished_late_frees_nobody_who_bounced_hard_meanwhile(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"user{n}@example.com" for n in range(3)]
    rules = policy()
    softly = [bounce_of(names[n % 3], n, NOW + n, Reason.MAILBOX_FULL) for n in range(9)]
    record(store, softly, rules)
    assert locked(store) == 3

    def killed(*_: object) -> Acted:
        raise Killed

    monkeypatch.setattr(store, "act", killed)
    unlock = Act(tuple(names), NOW + 60, "unlock", by="eve")
    with pytest.raises(Killed):
        Bulk(store, tmp_path).carry_out([unlock], FOLD)
    monkeypatch.undo()
    record(store, [bounce_of(names[0], 9, NOW + 3600)], rules)
    assert Bulk(store, tmp_path).finish(FOLD)
    assert [address for address, _ in store.addresses.locks()] == names[:1]
    assert "addresses left alone, since their locks have changed: 1" in caplog.text
    assert names[0] in caplog.text
