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
    store: StoreSettings,
    folder: Path,
    name: str = "ours",
    sections: str = "",
    command: str = "milter",
) -> Iterator[Milter]:
    """`bouncegate milter` (or `map`) on a store, by default but for more `sections` of TOML."""
    socket, config = folder / f"{name}.sock", folder / f"{name}.toml"
    config.write_text(
        f'[store]\npath = "{store.path}"\n[{command}]\nsocket = "unix:{socket}"\n{sections}',
        encoding="utf-8",
    )
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), command]
    with _running(argv, socket, folder / f"{name}.log") as milter:
        yield milter


@contextmanager
def yardstick(store: StoreSettings, folder: Path) -> Iterator[Milter]:
    """The same look-ups in one process of C, on the same store."""
    socket = folder / "yardstick.sock"
    program = compiled("yardstick.c", folder, "milter", "lmdb")
    argv = [str(program), f"unix:{socket}", str(store.path)]
    with _running(argv, socket, folder / "yardstick.log") as milter:
        yield milter


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
