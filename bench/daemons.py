"""Daemons under load: ours as an operator runs them, and the yardstick in C."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.native import compiled
from bouncegate.config.settings import StoreSettings

_PATIENCE = 20.0


class Milter(NamedTuple):
    """A milter, or another daemon, that runs."""

    pid: int
    socket: Path


@contextmanager
def ours(
    store: StoreSettings, folder: Path, name: str = "ours", sections: str = ""
) -> Iterator[Milter]:
    """`bouncegate milter` on a store, with its defaults but for further `sections` of TOML."""
    socket, config = folder / f"{name}.sock", folder / f"{name}.toml"
    config.write_text(
        f'[store]\npath = "{store.path}"\n[milter]\nsocket = "unix:{socket}"\n{sections}',
        encoding="utf-8",
    )
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "milter"]
    with _running(argv, socket, folder / f"{name}.log") as milter:
        yield milter


@contextmanager
def map_daemon(store: StoreSettings, folder: Path) -> Iterator[Milter]:
    """`bouncegate map` on a store."""
    socket, config = folder / "map.sock", folder / "map.toml"
    config.write_text(
        f'[store]\npath = "{store.path}"\n[map]\nsocket = "unix:{socket}"\n', encoding="utf-8"
    )
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "map"]
    with _running(argv, socket, folder / "map.log") as daemon:
        yield daemon


@contextmanager
def yardstick(store: StoreSettings, folder: Path) -> Iterator[Milter]:
    """The same look-ups in one process of C, on the same store."""
    socket = folder / "yardstick.sock"
    program = compiled("yardstick.c", folder, "milter", "lmdb")
    argv = [str(program), f"unix:{socket}", str(store.path)]
    with _running(argv, socket, folder / "yardstick.log") as milter:
        yield milter


def own_memory(milter: Milter) -> float:
    """Memory that is a worker's alone and no file's, in MB (10**6), of the largest worker."""
    children = Path(f"/proc/{milter.pid}/task/{milter.pid}/children").read_text().split()
    return max(_anonymous(int(child)) for child in children) / 1e6


def _anonymous(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell RssAnon of process {pid}")


@contextmanager
def _running(argv: Sequence[str], socket: Path, log: Path) -> Iterator[Milter]:
    socket.unlink(missing_ok=True)  # libmilter opens no socket where there is a file
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: {argv[0]} does not run:\n{log.read_text()}")
            time.sleep(0.02)
        time.sleep(0.5)  # until each worker is in its loop
        yield Milter(process.pid, socket)
    finally:
        process.terminate()
        process.wait(_PATIENCE)
