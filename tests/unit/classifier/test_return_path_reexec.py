"""An upgrade at a running return path: sessions end as they began, new ones meet the new code."""

import os
import signal
import smtplib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.installation import UPGRADED, Installation

from .test_return_path import dsn
from .test_return_path_workers import TO, Workers


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    installation = Installation(tmp_path / "lib", "classifier")
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    return installation


@pytest.fixture
def workers(tmp_path: Path, installed: Installation) -> Iterator[Workers]:
    del installed
    workers = Workers(tmp_path)
    yield workers
    if workers.process.poll() is None:
        workers.stop(signal.SIGKILL)


def test_upgrade_of_the_return_path_lets_sessions_go_on(
    workers: Workers, installed: Installation
) -> None:
    old, pid, inode = workers.pids(), workers.process.pid, workers.socket.stat().st_ino
    with workers.session_with(old[0]) as held:
        held.mail("")
        held.rcpt(TO)
        installed.upgrade_workers("classifier.returnpath.worker", "work")
        workers.process.send_signal(signal.SIGHUP)
        workers.wait_for_log("reloaded: 2 workers")
        workers.wait_for_log(UPGRADED, 2)
        workers.deliver(dsn("new@example.com", "1"))
        assert old[0] in workers.pids()
        assert held.data(dsn("old@example.com", "2"))[0] == 250
        held.sendmail("", [TO], dsn("older@example.com", "3"))
    workers.wait_for_log("of the old settings ended (exit code 0)", 2)
    assert set(old).isdisjoint(workers.pids())
    assert len(workers.events()) == 3
    assert (workers.process.pid, workers.socket.stat().st_ino) == (pid, inode)
    assert workers.stop() == 0
    assert not workers.socket.exists()


def test_upgrade_of_the_return_path_refuses_no_connection(
    workers: Workers, installed: Installation
) -> None:
    failures: list[Exception] = []

    def deliver(first: int) -> None:
        for number in range(first, first + 50):
            try:
                workers.deliver(dsn(f"u{number}@example.com", str(number)))
            except (OSError, smtplib.SMTPException) as error:
                failures.append(error)

    clients = [threading.Thread(target=deliver, args=(n * 100,)) for n in range(4)]
    for client in clients:
        client.start()
    installed.upgrade_workers("classifier.returnpath.worker", "work")
    for count, number in enumerate((signal.SIGHUP, signal.SIGUSR2), 1):
        workers.process.send_signal(number)
        workers.wait_for_log("reloaded: ", count)
    for client in clients:
        client.join()
    assert failures == []
    assert len(workers.events()) == 200


def test_upgrade_of_the_return_path_to_code_that_cannot_start_changes_nothing(
    workers: Workers, installed: Installation
) -> None:
    before = workers.pids()
    installed.upgrade("classifier.returnpath.worker", "raise ImportError('half an upgrade')")
    workers.process.send_signal(signal.SIGHUP)
    workers.wait_for_log("reload: the old code and the old settings stay in force")
    assert "cannot start: exit code 1: ImportError: half an upgrade" in workers.log()
    assert workers.pids() == before
    workers.deliver(dsn())
    assert len(workers.events()) == 1


def test_upgrade_of_the_return_path_to_code_that_cannot_read_the_store_changes_nothing(
    workers: Workers, installed: Installation
) -> None:
    before = workers.pids()
    installed.upgrade(
        "classifier.returnpath.daemon",
        "def _try_open(opening: Opening) -> None:",
        "    raise StoreError('the store has layout 3')",
    )
    workers.process.send_signal(signal.SIGHUP)
    workers.wait_for_log("cannot start: exit code 69: bouncegate: the store has layout 3")
    assert workers.pids() == before


def test_signal_for_the_supervisor_alone_harms_no_worker(workers: Workers) -> None:
    before = workers.pids()
    for pid in before:
        os.kill(pid, signal.SIGUSR2)
    workers.deliver(dsn())
    assert workers.pids() == before
