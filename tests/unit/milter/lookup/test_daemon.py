"""The daemon, run as an operator runs it: many connections, hostile ones, its start and its end."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bouncegate.daemon.scoreboard import Snapshot
from bouncegate.milter.lookup.netstring import LONGEST, encode
from lab.bouncegate import COMMAND
from lab.folder import LabFolder, Process
from lab.notify import NotifySocket
from lab.waiting import wait_for


class Gate:
    """The daemon and the command with a config file of their own; needs no Postfix and no root."""

    def __init__(self, folder: LabFolder) -> None:
        self._folder = folder
        self.map_socket = folder.path / "map.sock"
        self._config = folder.path / "bouncegate.toml"
        self.store = folder.path / "store"
        self.store.mkdir()
        self.counters = folder.path / "counters"
        self._config.write_text(
            f'[store]\npath = "{self.store}"\nmap_size = "64 MiB"\n'
            f'[map]\nsocket = "unix:{self.map_socket}"\n'
        )

    def count_for_metrics(self) -> None:
        with self._config.open("a") as file:
            textfile = self._folder.path / "figures.prom"
            file.write(f'[metrics]\ntextfile = "{textfile}"\ncounters = "{self.counters}"\n')

    def argv(self, *words: str) -> list[str]:
        return [str(COMMAND), "--config", str(self._config), *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), capture_output=True, text=True, timeout=60, check=False
        )

    def start_map(self) -> Process:
        with NotifySocket(self._folder.path / "notify") as notify:
            process = self._folder.start("map", self.argv("map"), NOTIFY_SOCKET=str(notify.path))
            process.wait_until("it is ready", notify.is_ready)
        return process


@pytest.fixture
def gate() -> Iterator[Gate]:
    with LabFolder() as folder:
        yield Gate(folder)


class Connection:
    """A client that speaks the protocol."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rb")

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def send_until_blocked(self, octets: bytes) -> int:
        """Send over and over until nobody takes any more; how many octets went."""
        self._socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 10_000_000:
                sent += self._socket.send(octets)
        except TimeoutError:
            pass
        self._socket.settimeout(10)
        return sent

    def read(self) -> bytes:
        length = b""
        while (octet := self._stream.read(1)) not in (b":", b""):
            length += octet
        return self._stream.read(int(length) + 1)[:-1] if length else b""

    def ask(self, key: str, name: str = "transport") -> bytes:
        self.send(encode(f"{name} {key}".encode()))
        return self.read()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


def test_many_requests_on_many_connections_are_each_answered_in_order(gate: Gate) -> None:
    gate.run("lock", "gone@example.org")
    gate.start_map()
    clients = [Connection(gate.map_socket) for _ in range(50)]
    for client in clients:
        client.send(
            b"".join(
                encode(b"transport " + key) for key in (b"a@example.org", b"gone@example.org") * 20
            )
        )
    for client in clients:
        answers = [client.read() for _ in range(40)]
        assert answers[::2] == [b"NOTFOUND "] * 20
        assert all(a.startswith(b"OK error:5.7.1 ") for a in answers[1::2])
        client.close()


def test_what_the_map_answers_is_counted_where_somebody_asks_for_figures(gate: Gate) -> None:
    gate.count_for_metrics()
    gate.run("lock", "gone@example.org")
    gate.start_map()
    client = Connection(gate.map_socket)
    for key in ("gone@example.org", "here@example.org", "example.org", "*"):
        client.ask(key)
    tally = Snapshot.read(gate.counters / "map")
    assert tally is not None
    found = tally.sums()
    assert found["decision", "refused", "operator"] == 1
    assert sum(n for name, n in found.items() if name[:2] == ("recipient", "bits")) == 2
    assert found["error",] == 0
    client.close()


def test_a_client_that_asks_and_never_reads_holds_up_nobody_and_fills_no_memory(gate: Gate) -> None:
    process = gate.start_map()
    silent, good = Connection(gate.map_socket), Connection(gate.map_socket)
    before = own_memory(process.pid)
    assert silent.send_until_blocked(encode(b"transport a@example.org") * 1000) < 10_000_000
    assert good.ask("a@example.org") == b"NOTFOUND "
    assert own_memory(process.pid) - before < 8_000_000
    assert silent.read() == b"NOTFOUND "
    good.close()
    silent.close()


def own_memory(pid: int) -> int:
    """Octets that are the process's alone."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^RssAnon:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def test_a_map_of_another_name_is_a_permanent_error(gate: Gate) -> None:
    gate.start_map()
    client = Connection(gate.map_socket)
    assert client.ask("a@example.org", name="virtual").startswith(b"PERM ")
    client.close()


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.0\r\n\r\n", b"%d:" % (LONGEST + 1), b"3:abcd"])
def test_hostile_input_ends_its_connection_and_no_other(gate: Gate, octets: bytes) -> None:
    process = gate.start_map()
    good, bad = Connection(gate.map_socket), Connection(gate.map_socket)
    bad.send(octets)
    assert closed(bad)
    assert good.ask("a@example.org") == b"NOTFOUND "
    assert re.search("closing a connection that is not Postfix's: ", process.log.read_text())
    good.close()
    bad.close()


def closed(client: Connection) -> bool:
    try:
        return client.read() == b""
    except ConnectionResetError:
        return True


def test_it_starts_before_there_is_a_store_and_finds_it_later(gate: Gate) -> None:
    process = gate.start_map()
    client = Connection(gate.map_socket)
    assert client.ask("gone@example.org") == b"NOTFOUND "
    assert "answered: accept" in process.log.read_text()
    gate.run("lock", "gone@example.org")
    wait_for("the store to be found", lambda: client.ask("gone@example.org").startswith(b"OK "))
    client.close()


def test_a_store_that_is_replaced_by_its_backup_is_read_from_then_on(gate: Gate) -> None:
    gate.run("lock", "kept@example.org")
    backup = gate.store / "backup.mdb"
    shutil.copy(gate.store / "data.mdb", backup)
    gate.run("lock", "gone@example.org")
    gate.start_map()
    client = Connection(gate.map_socket)
    assert client.ask("gone@example.org").startswith(b"OK ")
    backup.replace(gate.store / "data.mdb")
    wait_for("the backup to be read", lambda: client.ask("gone@example.org") == b"NOTFOUND ")
    assert client.ask("kept@example.org").startswith(b"OK ")
    client.close()


def test_sigterm_ends_it_cleanly_with_a_connection_open(gate: Gate) -> None:
    process = gate.start_map()
    client = Connection(gate.map_socket)
    assert client.ask("a@example.org") == b"NOTFOUND "
    assert process.stop() == 0
    assert closed(client)
    assert not gate.map_socket.exists()
    client.close()


def test_a_socket_that_a_killed_daemon_left_is_replaced_and_a_live_one_is_not(
    gate: Gate,
) -> None:
    killed = gate.start_map()
    killed.kill()
    assert gate.map_socket.exists()
    gate.start_map()
    second = gate.run("map")
    assert second.returncode == 69
    assert "another process serves it" in second.stderr
    client = Connection(gate.map_socket)
    assert client.ask("a@example.org") == b"NOTFOUND "
    client.close()
