"""SIGTERM ends each daemon, whatever state it is in, within what its unit allows."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

# TimeoutStopSec= of each unit.
DAEMONS = {"milter": 10, "return-path": 30, "map": 10, "notices": 10, "maintain": 30}
# A machine that is busy takes its time to start a process.
SECONDS = 60.0
COMMAND = [sys.executable, "-m", "bouncegate.cli", "--config"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    sockets = "".join(
        f'[{section}]\nsocket = "unix:{tmp_path}/{section}.sock"\n'
        for section in ("milter", "return_path", "map")
    )
    config = tmp_path / "bouncegate.toml"
    config.write_text(
        f'{sockets}[store]\npath = "{tmp_path}/store"\nmap_size = "64 MiB"\n'
        '[dns]\nenabled = false\n[ledger]\nenabled = true\nmax_size = "16 MiB"\n'
        f'[metrics]\ncounters = "{tmp_path}/counters"\nlisten = "unix:{tmp_path}/metrics.sock"\n'
    )
    subprocess.run([*COMMAND, str(config), "lock", "x@y.example"], check=True, timeout=SECONDS)
    return config


@contextmanager
def running(name: str, config: Path, log: int) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that has said that it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(config.with_name("notify")))
        ready.settimeout(SECONDS)
        environment = {**os.environ, "NOTIFY_SOCKET": str(config.with_name("notify"))}
        argv = [*COMMAND, str(config), name]
        process = subprocess.Popen(argv, stderr=log, stdout=log, env=environment)
        try:
            while b"READY=1" not in ready.recv(4096):
                pass
            yield process
        finally:
            process.kill()
            process.wait()


def full_pipe(stack: ExitStack) -> int:
    """A pipe that takes no more octet, and that nobody reads."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    stack.callback(os.close, writing)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return writing


@pytest.mark.parametrize("name", DAEMONS)
def test_sigterm_ends_a_daemon_whose_log_nobody_reads(name: str, config: Path) -> None:
    with ExitStack() as stack:
        process = stack.enter_context(running(name, config, full_pipe(stack)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DAEMONS[name]) == 0


@pytest.mark.parametrize("name", DAEMONS)
def test_sigterm_ends_a_daemon_that_takes_new_settings(name: str, config: Path) -> None:
    """One that starts anew for them may not have its handler yet, and dies of the signal."""
    with ExitStack() as stack:
        log = stack.enter_context(config.with_name("log").open("wb"))
        process = stack.enter_context(running(name, config, log.fileno()))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DAEMONS[name]) in (0, -signal.SIGTERM)


WRITER = """
import sys
from pathlib import Path
from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.store import Store
store = Store.open(StoreSettings(path=Path(sys.argv[1]), map_size=Size(2**26)))
with store._writing():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["return-path", "maintain"])
def test_sigterm_ends_a_daemon_that_waits_for_another_writer(name: str, config: Path) -> None:
    store, pipe = config.with_name("store"), subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WRITER, str(store)], stdin=pipe, stdout=pipe) as w:
        assert w.stdout is not None
        assert w.stdout.readline() == b"held\n"
        process = subprocess.Popen([*COMMAND, str(config), name])
        maps = Path(f"/proc/{process.pid}/maps")
        try:
            while "data.mdb" not in maps.read_text():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(DAEMONS[name]) in (0, -signal.SIGTERM)
        finally:
            process.kill()
            process.wait()
