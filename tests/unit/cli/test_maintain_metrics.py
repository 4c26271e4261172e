"""`maintain` gives figures away as Prometheus asks for them: over a socket, and in a file."""

import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.classifier.test_return_path import SECONDS, Handler, dsn

from bouncegate.config.loading import load
from bouncegate.store.store import Store
from lab import ports
from lab.waiting import wait_for

Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for the path of a unix socket."""
    with tempfile.TemporaryDirectory(prefix="bg") as name:
        yield Path(name)


@contextmanager
def maintain(config: Path) -> Iterator[None]:
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "maintain"]
    process = subprocess.Popen(argv)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def scrape(sock: socket.socket) -> str:
    connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
    connection.sock = sock
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    assert response.status == 200
    text = response.read().decode()
    connection.close()
    return text


def over_unix(path: Path) -> str:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(SECONDS)
    sock.connect(str(path))
    return scrape(sock)


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics(folder: Path, listen: str) -> str:
    return (
        f'[metrics]\nlisten = "{listen}"\ntextfile = "{folder}/bouncegate.prom"\n'
        f'counters = "{folder}/counters"\n[dns]\nenabled = false\n'
    )


def test_a_bounce_is_seen_from_the_return_path_to_the_scrape(folder: Path) -> None:
    socket_ = folder / "m.sock"
    handler = Handler(folder, metrics(folder, f"unix:{socket_}"))
    try:
        with maintain(handler.config):
            wait_for("the endpoint", socket_.exists)
            assert stat.S_IMODE(socket_.stat().st_mode) == 0o660
            handler.deliver(dsn())
            trust = ("address", "no", "hard", "user-unknown", "unverified")  # labels by name
            wait_for(
                "the bounce",
                lambda: samples(over_unix(socket_)).get(("bouncegate_bounces_total", trust)) == 1,
            )
            found = samples(over_unix(socket_))
        assert not socket_.exists()
    finally:
        handler.stop()
    assert found["bouncegate_return_path_messages_total", ("recorded",)] == 1
    assert found["bouncegate_return_path_message_seconds_count", ()] == 1
    assert found["bouncegate_return_path_message_seconds_bucket", ("+Inf",)] == 1
    assert found["bouncegate_return_path_message_seconds_sum", ()] > 0
    assert found["bouncegate_daemon_up", ("return-path",)] == 1
    assert found["bouncegate_daemon_up", ("milter",)] == 0
    file = folder / "bouncegate.prom"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644, "node_exporter is another user"
    assert samples(file.read_text())["bouncegate_incidents", ()] == 0


def test_one_round_writes_the_file(config: Path, folder: Path) -> None:
    """For hosts that run it from cron(8)."""
    config.write_text(config.read_text() + metrics(folder, "unix:/nowhere/at/all.sock"))
    with closing(Store.open(load(config).store)):
        pass
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "maintain", "--once"]
    subprocess.run(argv, check=True, timeout=SECONDS)
    assert "bouncegate_locks_counted_timestamp_seconds" in (folder / "bouncegate.prom").read_text()


def test_clients_that_hang_up_or_say_nothing_keep_nobody_else_out(
    config: Path, folder: Path
) -> None:
    held = ports.reserve()
    port = held.getsockname()[1]
    config.write_text(config.read_text() + metrics(folder, f"inet:127.0.0.1:{port}"))

    def connect() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), SECONDS)

    def is_open() -> bool:
        try:
            connect().close()
        except ConnectionRefusedError:
            return False
        return True

    with maintain(config):
        wait_for("the endpoint", is_open)
        silent = connect()
        rude = connect()
        rude.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        rude.close()
        assert "bouncegate_build_info" in scrape(connect())
        silent.close()
    held.close()


def test_an_address_that_strangers_can_reach_is_refused(config: Path) -> None:
    config.write_text(config.read_text() + '[metrics]\nlisten = "inet:0.0.0.0:9184"\n')
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "check-config"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == os.EX_CONFIG
    assert "is reachable from outside" in done.stderr
