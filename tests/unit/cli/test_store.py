"""`bouncegate store`: what an operator is shown, and what is refused."""

import json
import os
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.unit.store.tools.oldstores import FIRST, make
from tests.unit.store.tools.site import POLICY

from bouncegate.config.loading import load
from bouncegate.policy.records import Act
from bouncegate.store.errors import StoreFull
from bouncegate.store.lastbackup import LastBackup, last_backup, note_backup
from bouncegate.store.layout import LAYOUT, LOCKS, open_environment
from bouncegate.store.store import Store

from .conftest import Command
from .test_operator import bounce

READER = """
import os, sys, lmdb
environment = lmdb.open(sys.argv[1], readonly=True, max_dbs=64, max_readers=1024)
transaction = environment.begin()
print("reading", flush=True)
sys.stdin.read()
"""


def reader_of(config: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", READER, str(load(config).store.path)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"reading\n"
    return process


def test_stats_tell_each_table_and_how_full_the_map_is(bouncegate: Command) -> None:
    bouncegate("lock", "ann@example.com", "bob@example.com")
    done = bouncegate("store", "stats", "--json")
    view = json.loads(done.out)
    assert view["entries"]["locks"] == 2
    assert view["entries"]["journal"] == 1
    assert view["sizes"]["locks"] == 4096
    assert view["map_size"] == 64 * 2**20
    assert view["file"] == view["used"] + view["free"]
    assert 0 < view["fill"] < 0.01
    table = bouncegate("store", "stats").out
    assert "64.0 MiB" in table
    assert "locks" in table


def test_a_reader_that_holds_old_pages_is_told_and_one_that_died_is_cleared(
    bouncegate: Command, config: Path
) -> None:
    """As long as one reads, what is freed is not used again, and the file grows."""
    bouncegate("lock", "ann@example.com")
    # While any process has the store open, nobody else clears the slot of one that died.
    with reader_of(config) as reader, reader_of(config) as other:
        for number in range(5):
            bouncegate("lock", f"u{number}@example.com")
        view = json.loads(bouncegate("store", "stats", "--json").out)
        assert view["reader_lag"] == 5
        reader.kill()
        reader.wait()
        assert json.loads(bouncegate("store", "stats", "--json").out)["readers_cleared"] == 1
        other.kill()


def test_stats_without_a_store_say_so(bouncegate: Command) -> None:
    done = bouncegate("store", "stats")
    assert done.code == os.EX_NOINPUT
    assert "no store yet" in done.err


def test_a_backup_is_made_and_never_overwritten(bouncegate: Command, tmp_path: Path) -> None:
    bouncegate("lock", "ann@example.com")
    target = tmp_path / "backup.tar.zst"
    done = bouncegate("store", "backup", str(target), "--json")
    told = json.loads(done.out)
    assert told["path"] == str(target)
    assert told["size"] == target.stat().st_size
    assert "data.mdb" in told["manifest"]["files"]
    again = bouncegate("store", "backup", str(target))
    assert again.code == os.EX_CANTCREAT
    assert "choose another name" in again.err


def test_what_was_locked_since_the_backup_is_gone_after_the_restore_and_kept_aside(
    bouncegate: Command, tmp_path: Path
) -> None:
    bouncegate("lock", "ann@example.com")
    bouncegate("store", "backup", str(tmp_path / "backup.tar"))
    bouncegate("lock", "bob@example.com")
    refused = bouncegate("store", "restore", str(tmp_path / "backup.tar"))
    assert refused.code == os.EX_CANTCREAT
    assert "--replace" in refused.err
    done = bouncegate("store", "restore", str(tmp_path / "backup.tar"), "--replace", "--json")
    told = json.loads(done.out)
    assert Path(told["kept"], "data.mdb").exists()
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["locked"]
    assert not json.loads(bouncegate("show", "--json", "bob@example.com").out)["locked"]


def test_compacting_says_what_it_gave_back(bouncegate: Command) -> None:
    names = [f"u{number}@example.com" for number in range(3000)]
    bouncegate("lock", *names)
    bouncegate("unlock", *names)
    told = json.loads(bouncegate("store", "compact", "--json").out)
    assert told["after"] < told["before"]
    view = json.loads(bouncegate("store", "stats", "--json").out)
    assert view["file"] == told["after"]
    none = bouncegate("store", "compact", "--ledger")
    assert none.code == os.EX_NOINPUT


def test_a_sound_store_is_said_to_be_sound(bouncegate: Command) -> None:
    bouncegate("lock", "ann@example.com")
    done = bouncegate("store", "verify")
    assert (done.code, done.err) == (0, "")
    assert "no differences" in done.out


def test_a_lock_that_vanished_is_named_and_mended_after_a_backup(
    bouncegate: Command, config: Path
) -> None:
    bouncegate("lock", "ann@example.com")
    store = load(config).store
    with closing(open_environment(store, readonly=False)) as environment:
        locks = environment.open_db(LOCKS, create=False)
        with environment.begin(write=True) as transaction:
            transaction.delete(b"ann@example.com", db=locks)
    done = bouncegate("store", "verify", "--json")
    assert done.code == os.EX_DATAERR
    told = json.loads(done.out)
    assert (told["key"], told["remedy"]) == ("ann@example.com", "repair")
    mended = bouncegate("store", "verify", "--repair")
    assert mended.code == 0
    assert "[repaired]" in mended.out
    assert bouncegate("store", "verify").code == 0
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["locked"]
    (backup,) = store.path.glob("before-repair-*")
    assert (backup / "data.mdb").exists()


def test_a_policy_that_was_changed_can_be_named_as_the_reason(
    bouncegate: Command, config: Path
) -> None:
    bounce(config, "ann@example.com")
    assert bouncegate("store", "verify").code == 0
    config.write_text(config.read_text() + '[policy.hard]\nlock = "2 days"\n')
    done = bouncegate("store", "verify", "--json")
    assert done.code == os.EX_DATAERR
    assert json.loads(done.out)["by_policy"]
    told = bouncegate("store", "verify")
    assert "[policy]" in told.out
    assert "[repair]" not in told.out + told.err, "a repair would change what is well"
    assert "1 [policy]: nothing is wrong if [policy] has changed since" in told.err
    assert bouncegate("store", "verify", "--other-policy").code == 0


def test_a_repair_leaves_what_another_policy_decided(bouncegate: Command, config: Path) -> None:
    bounce(config, "ann@example.com")
    before = bouncegate("show", "--json", "ann@example.com").out
    config.write_text(config.read_text() + '[policy.hard]\nlock = "2 days"\n')
    assert bouncegate("store", "verify", "--repair", "--other-policy").code == 0
    until = json.loads(before)["until"]
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["until"] == until
    assert bouncegate("store", "verify").code == os.EX_DATAERR, "it would have been recomputed"


def test_a_store_of_an_earlier_version_is_upgraded_once_after_a_backup(
    bouncegate: Command, config: Path
) -> None:
    folder = load(config).store.path
    folder.rmdir()
    make(FIRST, folder)
    refused = bouncegate("show", "ann@hand.example")
    assert refused.code == os.EX_CONFIG
    assert "`bouncegate store upgrade`" in refused.err
    told = json.loads(bouncegate("store", "upgrade", "--json").out)
    assert (told["before"], told["layout"], told["other_policy"]) == (1, LAYOUT, 0)
    assert Path(told["backup"], "manifest.json").exists()
    assert json.loads(bouncegate("show", "--json", "ann@hand.example").out)["locked"]
    again = bouncegate("store", "upgrade")
    assert (again.code, "nothing to do" in again.out) == (0, True)


def test_a_backup_of_an_earlier_version_is_restored_and_then_upgraded(
    bouncegate: Command, config: Path, tmp_path: Path
) -> None:
    folder = load(config).store.path
    folder.rmdir()
    make(FIRST, folder)
    told = json.loads(bouncegate("store", "upgrade", "--json").out)
    backup = Path(told["backup"]).rename(tmp_path / "saved")  # or two of one second would meet
    done = bouncegate("store", "restore", str(backup), "--replace")
    assert (done.code, "now run `bouncegate store upgrade`" in done.out) == (0, True)
    done = bouncegate("store", "upgrade")
    assert (done.code, f"layout 1 before, {LAYOUT} now, verified" in done.out) == (0, True)
    assert bouncegate("store", "verify", "--other-policy").code == 0


def test_an_act_that_found_no_room_keeps_nobody_from_using_the_store(
    bouncegate: Command, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A return path that did not start would answer no bounce, long after there is room."""
    small = config.read_text().replace("64 MiB", "128 KiB")
    roomy = config.read_text()
    config.write_text(small)
    names = [[f"u{turn}-{number}@example.com" for number in range(256)] for turn in range(9)]
    decided = next(some for some in names if bouncegate("lock", *some).code == os.EX_TEMPFAIL)
    done = bouncegate("show", "--json", "u0-0@example.com")
    assert (done.code, "not carried out yet" in caplog.text) == (0, True)
    assert json.loads(done.out)["locked"]
    assert bouncegate("lock", "ann@example.com").code == os.EX_TEMPFAIL
    config.write_text(roomy)
    assert json.loads(bouncegate("show", "--json", decided[-1]).out)["locked"]


def test_monitoring_is_told_when_the_last_backup_is_too_old(
    bouncegate: Command, config: Path, tmp_path: Path
) -> None:
    bouncegate("lock", "ann@example.com")
    assert bouncegate("report", "health").code == 0, "none was made: it may be saved otherwise"
    assert bouncegate("store", "backup", str(tmp_path / "backup")).code == 0
    folder = load(config).store.path
    made = last_backup(folder)
    assert made is not None
    assert made.path == str(tmp_path / "backup")
    assert bouncegate("report", "health").code == 0
    assert bouncegate("store", "backup", str(tmp_path / "backup")).code != 0
    assert last_backup(folder) == made, "one that fails is none"
    note_backup(folder, LastBackup(made.time - 3 * 86_400, made.path))
    assert bouncegate("report", "health").code == 1
    assert "the last backup is 72 h old" in bouncegate("report", "health").out
    config.write_text(config.read_text() + '[alarm]\nbackup = "0 days"\n')
    assert bouncegate("report", "health").code == 0


def test_monitoring_is_told_when_the_store_is_nearly_full(
    bouncegate: Command, config: Path
) -> None:
    bouncegate("lock", "ann@example.com")
    assert bouncegate("report", "health").code == 0
    load(config).store.path.joinpath("data.mdb").unlink()
    config.write_text(config.read_text().replace("64 MiB", "1 MiB"))
    names = ([f"u{turn:03}-{number:03}@a.example" for number in range(99)] for turn in range(999))
    with closing(Store.open(load(config).store)) as store, suppress(StoreFull):
        for some in names:
            store.act([Act(tuple(some), 1_790_000_000, "lock", by="root")], POLICY.fold)
    done = bouncegate("report", "health", "--json")
    told = json.loads(done.out)
    assert done.code in (1, 2), told
    assert told["room"][0]["part"] == "store"
    assert "[store] map_size" in told["room"][0]["advice"]
    assert "that need care" in bouncegate("report", "health").out
