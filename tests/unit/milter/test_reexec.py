"""An upgrade at a running milter: the same process, its sessions undisturbed, the new code."""

import os
import re
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.unit.installation import UPGRADED, Installation
from tests.unit.milter import impatient
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Answer, Mta
from tests.unit.milter.test_supervisor import ended
from tests.unit.milter.test_supervisor_reload import GONE, OUTBOUND, ask, sessions

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.ledger import Ledger
from lab.waiting import PATIENCE

PASSES = Answer("c")
OLD_STAY = "reload: the old code and the old settings stay in force"


@pytest.fixture
def installed(daemon: Daemon) -> Installation:
    installation = Installation(daemon.folder / "lib", "milter")
    daemon.environment.update(installation.environment)
    put_locks(daemon.store, "gone@example.com")
    return installation


def reload(
    daemon: Daemon, number: signal.Signals = signal.SIGHUP, text: str = "reloaded: "
) -> None:
    before = daemon.text().count(text)
    daemon.process.send_signal(number)
    daemon.wait_until(f"another {text!r}", lambda: daemon.text().count(text) > before)


def upgraded(daemon: Daemon) -> set[int]:
    """The workers that run the new code."""
    return {int(pid) for pid in re.findall(rf"\[(\d+)\]: warning: {UPGRADED}", daemon.text())}


def test_upgrade_serves_open_sessions_to_their_end_and_new_ones_by_the_new_code(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start()
    pid, old, inode = daemon.process.pid, daemon.workers(), daemon.socket.stat().st_ino
    with Mta(daemon.socket) as held:
        assert ask(held) == "y"
        installed.upgrade_workers("milter.worker", "work")
        reload(daemon)
        assert len(upgraded(daemon)) == 2
        assert upgraded(daemon).isdisjoint(old)
        # The one that holds the session stays; the other one has nothing to wait for.
        assert len(set(daemon.wait_for_workers(3)) & set(old)) == 1
        for _ in range(20):
            with Mta(daemon.socket) as fresh:
                assert ask(fresh) == "y"
        assert ask(held) == "y"
    daemon.wait_until_gone(old)
    assert set(daemon.wait_for_workers(2)) == upgraded(daemon)
    assert daemon.process.pid == pid
    assert daemon.process.poll() is None
    assert daemon.socket.stat().st_ino == inode
    assert "killed" not in daemon.text()


def test_upgrade_refuses_no_connection(daemon: Daemon, installed: Installation) -> None:
    daemon.start()
    with sessions(daemon) as seen:
        installed.upgrade_workers("milter.worker", "work")
        reload(daemon)
        for _ in range(2):
            reload(daemon, signal.SIGUSR2)
        daemon.wait_until("200 sessions", lambda: seen.passed > 200)
    assert seen.failures == []
    assert len(upgraded(daemon)) == 6


@pytest.mark.parametrize(
    "line", ['raise ImportError("half an upgrade")', "import time; time.sleep(3600)"]
)
def test_upgrade_to_code_that_cannot_start_leaves_all_as_it_is(
    daemon: Daemon, installed: Installation, line: str
) -> None:
    daemon.start()
    workers = daemon.workers()
    with Mta(daemon.socket) as held:
        assert ask(held) == "y"
        installed.upgrade("milter.worker", line)
        daemon.write_config(milter={"mode": "observe"})
        daemon.process.send_signal(signal.SIGHUP)
        if "sleep" in line:
            # Another one meanwhile is not lost.
            daemon.wait_for_workers(3)
            (trial,) = set(daemon.workers()) - set(workers)
            os.kill(trial, signal.SIGKILL)
        daemon.wait_until("the refusal", lambda: OLD_STAY in daemon.text())
        assert daemon.workers() == workers
        assert ask(held) == "y"
    if "sleep" not in line:
        assert "exit code 1: ImportError: half an upgrade" in daemon.text()
    with Mta(daemon.socket) as mta:
        assert ask(mta) == "y"


def test_upgrade_to_code_by_which_no_worker_can_begin_leaves_the_old_ones(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start()
    old, pid = daemon.workers(), daemon.process.pid
    with Mta(daemon.socket) as held:
        installed.upgrade("milter.worker", "def work(*arguments): return 1")
        reload(daemon, text="not all workers can work by the new code: those of the old go on")
        assert daemon.workers() == old
        assert ask(held) == "y"
        with Mta(daemon.socket) as fresh:
            assert ask(fresh) == "y"
        # The next version is a better one.
        installed.upgrade(
            "milter.worker",
            "def work(settings, line, post, on_ready):",
            "    import time; on_ready(); time.sleep(3600)",
        )
        reload(daemon)
        assert ask(held) == "y"
    daemon.wait_until_gone(old)
    daemon.wait_for_workers(2)
    assert daemon.process.pid == pid


def test_upgrade_of_nothing_executes_nothing(daemon: Daemon, installed: Installation) -> None:
    del installed
    daemon.start()
    reload(daemon)
    assert "executing" not in daemon.text()
    reload(daemon, signal.SIGUSR2)
    assert "executing the installed code (as SIGUSR2 asks for)" in daemon.text()


def test_upgrade_goes_on_where_it_listens_though_the_config_names_another_socket(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start()
    other = daemon.folder / "other.sock"
    daemon.write_config(milter={"socket": f"unix:{other}"})
    installed.upgrade_workers("milter.worker", "work")
    for _ in range(2):  # by the new code, and after it
        reload(daemon)
        assert "that needs a restart" in daemon.text()
        assert not other.exists()
        with Mta(daemon.socket) as mta:
            assert ask(mta) == "y"


def test_upgrade_to_code_that_ends_after_all_ends_the_daemon_for_systemd_to_start_it(
    daemon: Daemon, installed: Installation
) -> None:
    """Nothing half done stays: neither a worker that nobody watches, nor a socket that is stuck."""
    daemon.start()
    workers = daemon.workers()
    installed.upgrade(
        "milter.supervisor",
        "import os",
        "if 'BOUNCEGATE_INHERITED' in os.environ: raise RuntimeError('after all')",
    )
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.process.wait(PATIENCE) == 1
    assert "RuntimeError: after all" in daemon.text()
    assert all(ended(worker) for worker in workers)
    daemon.log.unlink()
    daemon.start()
    with Mta(daemon.socket) as mta:
        assert ask(mta) == "y"


def test_upgrade_of_a_module_that_no_process_has_loaded_is_one(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start()
    old = daemon.workers()
    installed.upgrade("milter.lookup.accesstable", "")
    reload(daemon)
    assert "executing the installed code" in daemon.text()
    daemon.wait_until_gone(old)


def test_upgrade_over_tcp(daemon: Daemon, installed: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    daemon.start(milter={"socket": f"inet:127.0.0.1:{port}"})
    old = daemon.workers()
    with Mta(port) as held:
        held.connect(OUTBOUND)
        held.mail(OUTBOUND, "news@sender.test")
        installed.upgrade_workers("milter.worker", "work")
        reload(daemon)
        with Mta(port) as fresh:
            assert ask(fresh) == "y"
        assert held.rcpt(OUTBOUND, GONE).verdict == "y"
    daemon.wait_until_gone(old)


def test_upgrade_keeps_the_ledger_writer_until_the_sessions_have_ended(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start(ledger={"enabled": True})
    old = daemon.workers()
    assert len(old) == 3  # two workers and the ledger writer
    with Mta(daemon.socket) as held:
        held.connect(OUTBOUND)
        held.mail(OUTBOUND, "news@sender.test")
        installed.upgrade_workers("milter.worker", "work")
        reload(daemon)
        # The worker that holds the session, and the ledger writer that it needs.
        daemon.wait_until("two old ones", lambda: len(set(daemon.workers()) & set(old)) == 2)
        daemon.wait_for_workers(5)
        assert held.rcpt(OUTBOUND, b"<ann@elsewhere.test>") == PASSES
        held.changes({"i": "4XyZ"})
    daemon.wait_until_gone(old)
    assert len(daemon.wait_for_workers(3)) == 3
    with closing(Ledger.open(StoreSettings(path=daemon.store), LedgerSettings())) as ledger:
        assert [sent.sender for _, sent in ledger.walk(b"", 2**32 - 1, 10)] == ["news@sender.test"]
    assert "warning: ledger-writer" not in daemon.text()


def test_upgrade_tells_systemd_that_it_reloads_and_then_that_it_is_ready(
    daemon: Daemon, installed: Installation
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = daemon.folder / "notify.sock"
        notify.bind(str(path))
        notify.settimeout(PATIENCE)
        daemon.environment["NOTIFY_SOCKET"] = str(path)
        daemon.start()

        def states() -> list[str]:
            told: list[str] = []
            while told.count("READY=1") == 0:
                told += notify.recv(1024).decode().split("\n")
            return [line for line in told if not line.startswith(("WATCHDOG", "MONOTONIC"))]

        assert states()[0] == "READY=1"
        for text in ("upgraded", "broken"):
            installed.upgrade("milter.worker", "" if text == "upgraded" else "raise OSError")
            daemon.process.send_signal(signal.SIGHUP)
            reloading, ready, status = states()
            assert (reloading, ready) == ("RELOADING=1", "READY=1")
            more = "" if text == "upgraded" else "; the installed code cannot start: see the log"
            assert re.fullmatch(rf"STATUS=2 workers on unix:.*, version [0-9.]+{more}", status)


def test_upgraded_daemon_ends_by_sigterm_with_all_its_sessions(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start(ledger={"enabled": True})
    with Mta(daemon.socket) as held:
        assert held.probe() == PASSES
        installed.upgrade_workers("milter.worker", "work")
        reload(daemon)
        children = daemon.workers()
        daemon.process.terminate()
        assert daemon.process.wait(6.0) == 0
        with pytest.raises(ConnectionError):
            held.probe()
    assert all(ended(child) for child in children)
    assert not daemon.socket.exists()
    assert list(daemon.folder.glob(".*")) == []


def test_upgraded_daemon_that_is_killed_takes_all_workers_with_it(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.start()
    with Mta(daemon.socket) as held:
        assert held.probe() == PASSES
        # The new code stands still at once after execve(2).
        installed.upgrade(
            "milter.supervisor",
            "import os, time",
            "if 'BOUNCEGATE_INHERITED' in os.environ:",
            "    print('standing still', flush=True); time.sleep(3600)",
        )
        reload(daemon, text="standing still")
        workers = daemon.workers()
        assert len(workers) == 2
        assert held.probe() == PASSES
        with Mta(daemon.socket) as fresh:
            assert fresh.probe() == PASSES
        daemon.process.kill()
        daemon.process.wait(PATIENCE)
    assert all(ended(worker) for worker in workers)


def test_upgraded_daemon_kills_an_old_worker_that_stands_still(
    daemon: Daemon, installed: Installation
) -> None:
    daemon.program = [impatient.__file__, "3", "300"]
    daemon.start()
    old = daemon.workers()
    with suppress(ConnectionError), Mta(daemon.socket) as held:
        assert held.probe() == PASSES
        installed.upgrade_workers("milter.worker", "work")
        reload(daemon)
        (stuck,) = set(daemon.wait_for_workers(3)) & set(old)
        os.kill(stuck, signal.SIGSTOP)
        daemon.wait_for_log(f"worker {stuck} has shown no sign of life for ")
        daemon.wait_until_gone(old)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_upgrade_leaves_no_descriptor_behind(
    daemon: Daemon, installed: Installation, number: signal.Signals
) -> None:
    del installed
    daemon.start()
    folder = Path(f"/proc/{daemon.process.pid}/fd")
    reload(daemon, signal.SIGUSR2)
    daemon.wait_for_workers(2)
    before = len(list(folder.iterdir()))
    for _ in range(3):
        reload(daemon, number)
    daemon.wait_for_workers(2)
    daemon.wait_until("no more descriptors", lambda: len(list(folder.iterdir())) <= before)
