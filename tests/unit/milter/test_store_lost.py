"""The store is lost, damaged or replaced under a running milter: it says so, and recovers."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Mta

from bouncegate.config.settings import StoreSettings
from bouncegate.store.layout import META, open_environment
from lab.closable import Closable

MACROS = {
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{mail_addr}": "news@sender.test",
    "{rcpt_mailer}": "smtp",
}
REFUSED, DEFERRED, PASSES = "y", "t", "c"


class Sender(Closable):
    """A session that stays open, as Postfix keeps it."""

    def __init__(self, daemon: Daemon) -> None:
        self._mta = Mta(daemon.socket)
        self._daemon = daemon
        self._mta.connect(MACROS)
        self._mta.mail(MACROS, MACROS["{mail_addr}"])

    def close(self) -> None:
        self._mta.close()

    def answer(self, address: str) -> str:
        return self._mta.rcpt(MACROS, f"<{address}>".encode()).verdict

    def wait_for(self, verdict: str, address: str = "gone@example.com") -> None:
        self._daemon.wait_until(verdict, lambda: self.answer(address) == verdict)


def data(folder: Path) -> Path:
    return folder / "data.mdb"


def of_another_layout(folder: Path) -> None:
    environment = open_environment(StoreSettings(path=folder), readonly=False)
    with environment.begin(write=True, db=environment.open_db(META)) as transaction:
        transaction.put(b"layout", (99).to_bytes(4, "big"))
    environment.close()


def gone(store: Path, _spare: Path) -> None:
    data(store).unlink()


def folder_gone(store: Path, spare: Path) -> None:
    store.rename(spare / "moved")


def unreadable(store: Path, _spare: Path) -> None:
    # Permissions do not stop root, under whom tests may run.
    data(store).unlink()
    data(store).mkdir()


def no_store(store: Path, spare: Path) -> None:
    (spare / "text").write_bytes(b"This is no store. " * 4096)
    (spare / "text").rename(data(store))


def half_written(store: Path, spare: Path) -> None:
    whole = data(store).read_bytes()
    (spare / "half").write_bytes(whole[: len(whole) // 2])
    (spare / "half").rename(data(store))


def cut_short(store: Path, _spare: Path) -> None:
    os.truncate(data(store), 8192)


def of_a_newer_version(store: Path, spare: Path) -> None:
    put_locks(spare, "gone@example.com")
    of_another_layout(spare)
    data(spare).rename(data(store))


def migrated(store: Path, _spare: Path) -> None:
    of_another_layout(store)


@pytest.mark.parametrize(
    "lose",
    [
        gone,
        folder_gone,
        unreadable,
        no_store,
        half_written,
        cut_short,
        of_a_newer_version,
        migrated,
    ],
)
def test_without_its_store_it_answers_on_error_and_recovers_in_the_same_session(
    daemon: Daemon, tmp_path: Path, lose: Callable[[Path, Path], None]
) -> None:
    put_locks(daemon.store, "gone@example.com", *(f"u{n}@example.net" for n in range(3000)))
    backup, spare = tmp_path / "backup", tmp_path / "spare"
    shutil.copytree(daemon.store, backup)
    spare.mkdir()
    daemon.start(milter={"workers": 1, "on_error": "tempfail"})
    (worker,) = daemon.workers()
    with Sender(daemon) as sender:
        assert sender.answer("gone@example.com") == REFUSED
        lose(daemon.store, spare)
        daemon.wait_for_log(f"{daemon.store}")
        time.sleep(2.2)  # it looks once a second
        sender.wait_for(DEFERRED)
        assert [sender.answer(f"a{n}@x.test") for n in range(50)] == [DEFERRED] * 50
        assert daemon.text().count(": error: RCPT: ") <= 3, "it says so once, then at intervals"
        shutil.rmtree(daemon.store, ignore_errors=True)
        shutil.copytree(backup, daemon.store)
        sender.wait_for(REFUSED)
        assert sender.answer("anybody@x.test") == PASSES
    assert daemon.workers() == [worker]
    assert "Traceback" not in daemon.text()


def test_a_backup_put_in_the_place_of_the_store_is_read_at_once(
    daemon: Daemon, tmp_path: Path
) -> None:
    put_locks(daemon.store, "gone@example.com")
    put_locks(tmp_path, "other@example.com")
    daemon.start(milter={"workers": 1})
    (worker,) = daemon.workers()
    with Sender(daemon) as sender:
        assert sender.answer("gone@example.com") == REFUSED
        data(tmp_path).rename(data(daemon.store))
        sender.wait_for(REFUSED, "other@example.com")
        assert sender.answer("gone@example.com") == PASSES
    assert daemon.workers() == [worker]
    maps = Path(f"/proc/{worker}/maps").read_text()
    assert "data.mdb" in maps
    assert "data.mdb (deleted)" not in maps, "the store that was left is not kept open"


def test_a_worker_that_died_of_a_cut_store_is_followed_by_one_that_answers(daemon: Daemon) -> None:
    """To read beyond the end of a file that was cut ends the process: no crash loop comes of it."""
    put_locks(daemon.store, "gone@example.com", *(f"u{n}@example.net" for n in range(3000)))
    daemon.start(milter={"workers": 1, "on_error": "tempfail"})
    (worker,) = daemon.workers()
    os.truncate(data(daemon.store), 8192)
    os.kill(worker, signal.SIGBUS)
    daemon.wait_for_log(f"worker {worker} ended (signal 7)")
    (worker,) = daemon.wait_for_workers(1)
    with Sender(daemon) as sender:
        sender.wait_for(DEFERRED)
        time.sleep(1.5)
        assert sender.answer("gone@example.com") == DEFERRED
    assert daemon.workers() == [worker]
    assert "truncated" in daemon.text()
