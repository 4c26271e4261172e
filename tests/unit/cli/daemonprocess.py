"""Daemons as processes of their own, for tests of how they end."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.waiting import wait_for

# TimeoutStopSec= of each unit.
DAEMONS = {"milter": 10, "return-path": 30, "map": 10, "maintain": 30, "web": 10, "events": 30}
# A machine that is busy takes its time to start a process.
SECONDS = 60.0
COMMAND = (sys.executable, "-m", "bouncegate.cli")

WRITER = """
import sys
from pathlib import Path
from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
settings = StoreSettings(path=Path(sys.argv[1]), map_size=Size(2**26))
if sys.argv[2] == "ledger":
    environment = Ledger.open(settings, LedgerSettings(), readonly=False)._environment
else:
    environment = Store.open(settings)._environment
with environment.begin(write=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def configured(folder: Path, more: str = "") -> Path:
    """A config file, with a store in which there is one lock."""
    (folder / "store").mkdir()
    sockets = "".join(
        f'[{section}]\nsocket = "unix:{folder}/{section}.sock"\n'
        for section in ("milter", "return_path", "map")
    )
    config = folder / "bouncegate.toml"
    dns = "" if "[dns]" in more else "[dns]\nenabled = false\n"
    config.write_text(
        f'{sockets}[store]\npath = "{folder}/store"\nmap_size = "64 MiB"\n'
        f'{dns}[ledger]\nenabled = true\nmax_size = "16 MiB"\n'
        f'[[web.listen]]\nsocket = "unix:{folder}/web.sock"\n'
        f'[metrics]\ncounters = "{folder}/counters"\nlisten = "unix:{folder}/metrics.sock"\n'
        f'[events]\nenabled = true\n[[events.endpoint]]\nname = "a"\nspool = "{folder}"\n{more}'
    )
    argv = [*COMMAND, "--config", str(config), "lock", "x@y.example"]
    subprocess.run(argv, check=True, timeout=SECONDS)
    return config


@contextmanager
def started(
    arguments: Sequence[str], config: Path, log: int | None = None, command: Sequence[str] = COMMAND
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the command, which is killed at the end."""
    argv = [*command, "--config", str(config), *arguments]
    environment = {**os.environ, "NOTIFY_SOCKET": str(config.with_name("notify"))}
    process = subprocess.Popen(argv, stderr=log, stdout=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(
    name: str, config: Path, log: int | None = None, command: Sequence[str] = COMMAND
) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that has said that it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(config.with_name("notify")))
        ready.settimeout(SECONDS)
        with started([name], config, log, command) as process:
            while b"READY=1" not in ready.recv(4096):
                pass
            yield process


@contextmanager
def write_lock_held(config: Path, of: str = "store") -> Iterator[None]:
    """Another process holds the write lock of the store, or of the ledger."""
    argv, pipe = [sys.executable, "-c", WRITER, str(config.with_name("store")), of], subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        yield


def wait_until_blocked(pids: Callable[[], list[int]]) -> None:
    """Wait until one of these processes waits for the write lock of an environment."""
    wait_for("a blocked writer", lambda: any(map(waits_for_writers, pids())), SECONDS)


def children_of(pid: int) -> list[int]:
    """The processes that a process has forked, the first ones first."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def waits_for_writers(pid: int) -> bool:
    """Whether some thread of a process waits for the write lock of an environment of LMDB.

    That is flock(2) on `data.mdb`, or futex(2) in `lock.mdb`.
    """
    folder = Path(f"/proc/{pid}")
    try:
        mutexes = [
            [int(end, 16) for end in line.split()[0].split("-")]
            for line in (folder / "maps").read_text().splitlines()
            if line.endswith("lock.mdb")
        ]
        files = {
            int(file.name)
            for file in (folder / "fd").iterdir()
            if file.readlink().name == "data.mdb"
        }
        for task in (folder / "task").iterdir():
            call = (task / "syscall").read_text().split()  # its number, then its arguments
            if len(call) > 1:
                first = int(call[1], 16)
                if first in files or any(low <= first < high for low, high in mutexes):
                    return True
    except FileNotFoundError:  # it ends, or closes a file
        pass
    return False
