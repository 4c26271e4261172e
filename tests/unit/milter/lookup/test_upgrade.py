"""An upgrade at a running map: no connection is refused, and no look-up fails."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.installation import UPGRADED, Installation
from tests.unit.milter.lookup.test_daemon import Connection, Gate

from bouncegate.daemon.scoreboard import Snapshot
from lab.folder import LabFolder, Process
from lab.waiting import wait_for

OLD_STAY = "reload: the old code and the old settings stay in force"


@pytest.fixture
def gate() -> Iterator[Gate]:
    with LabFolder() as folder:
        yield Gate(folder)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gate, Installation]]:
    with LabFolder() as folder:
        installation = Installation(folder.path / "lib", "milter")
        for name, value in installation.environment.items():
            monkeypatch.setenv(name, value)
        yield Gate(folder), installation


def said(process: Process, text: str, times: int = 1) -> None:
    process.wait_until(f"it says {text!r}", lambda: process.log.read_text().count(text) >= times)


def answer(path: Path) -> bytes:
    """The answer to one look-up, as Postfix asks: again where a connection was closed."""
    for _ in range(2):
        client = Connection(path)
        try:
            if told := client.ask("gone@example.org"):
                return told
        except ConnectionError:
            continue
        finally:
            client.close()
    return b""


def test_upgrade_of_the_map_fails_no_lookup(lab: tuple[Gate, Installation]) -> None:
    gate, installed = lab
    assert gate.run("lock", "gone@example.org").returncode == 0
    process = gate.start_map()
    pid, inode = process.pid, gate.map_socket.stat().st_ino
    wanted, done = answer(gate.map_socket), threading.Event()
    failures: list[bytes | OSError] = []
    asked = 0

    def ask() -> None:
        nonlocal asked
        while not done.is_set() and not failures:
            try:
                if (told := answer(gate.map_socket)) != wanted:
                    failures.append(told)
            except OSError as error:
                failures.append(error)
            asked += 1

    client = threading.Thread(target=ask)
    client.start()
    try:
        installed.upgrade("milter.lookup.protocol", f"print({UPGRADED!r}, flush=True)")
        process.send_signal(signal.SIGHUP)
        said(process, UPGRADED)
        said(process, "listening on", 2)
        process.send_signal(signal.SIGUSR2)
        said(process, "listening on", 3)
        wait_for("200 look-ups", lambda: asked > 200 or failures)
    finally:
        done.set()
        client.join()
    assert failures == []
    assert b"gone" in wanted or b"OK" in wanted
    assert (process.pid, gate.map_socket.stat().st_ino) == (pid, inode)
    assert process.stop() == 0
    assert not gate.map_socket.exists()


def test_upgrade_of_the_map_to_code_that_cannot_start_leaves_connections_open(
    lab: tuple[Gate, Installation],
) -> None:
    gate, installed = lab
    assert gate.run("lock", "gone@example.org").returncode == 0
    gate.count_for_metrics()
    process = gate.start_map()
    client = Connection(gate.map_socket)
    before, counters = client.ask("gone@example.org"), (gate.counters / "map").stat().st_ino
    installed.upgrade("milter.lookup.protocol", "raise ImportError('half an upgrade')")
    process.send_signal(signal.SIGHUP)
    said(process, OLD_STAY)
    assert client.ask("gone@example.org") == before
    client.close()
    assert (gate.counters / "map").stat().st_ino == counters
    assert process.stop() == 0


def test_upgrade_of_the_map_counts_on(gate: Gate) -> None:
    gate.count_for_metrics()
    process = gate.start_map()
    for times in (1, 2, 3):
        assert answer(gate.map_socket)
        process.send_signal(signal.SIGUSR2)
        said(process, "listening on", times + 1)
    snapshot = Snapshot.read(gate.counters / "map")
    assert snapshot is not None
    assert snapshot.alive
    assert len(snapshot.rows) == 1
    assert sum(n for name, n in snapshot.sums().items() if name[:2] == ("recipient", "bits")) == 3
    assert process.stop() == 0
