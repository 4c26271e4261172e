"""Loads for a milter: our own, and one from outside where there is one."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.native import compiled

OUTSIDE: Final = "BOUNCEGATE_BENCH"
"""The environment variable that names a folder with `milterload.c`, a load written elsewhere."""


class Figures(NamedTuple):
    """What a load measured: recipients a second, median latency in us, how many were refused."""

    rate: float
    p50: float
    refused_share: float
    p99: float = 0.0
    """Microseconds; 0: the load does not say."""


class Load:
    """Our load: an MTA that honours the macros that a milter asks for, as Postfix does."""

    name = "as Postfix"

    def __init__(self, folder: Path, addresses: Sequence[str]) -> None:
        """Compile it; the addresses are whom it writes to."""
        self._program = compiled("load.c", folder)
        self._addresses = folder / "addresses.txt"
        self._addresses.write_text("\n".join(addresses) + "\n")

    def run(self, socket: Path, connections: int, per_message: int, seconds: float) -> Figures:
        """Talk to a milter for some seconds, as fast as it answers."""
        return self._run(socket, connections, seconds, self._addresses, per_message)

    def paced(self, socket: Path, seconds: float, pause: float) -> Figures:
        """Talk on one connection, a recipient a message, with a pause after each, in seconds."""
        messages = round(seconds / pause) + 1
        return self._run(socket, 1, seconds, self._addresses, 1, messages, round(pause * 1e6))

    def _run(self, *words: object) -> Figures:
        socket, out = words[0], _output(self._program, *words)
        found = json.loads(out)
        if found["failures"]:
            sys.exit(f"bench: {socket}: {found['failures']} sessions failed")
        share = found["refused"] / found["recipients"]
        return Figures(found["recipients_per_second"], found["p50"], share, found["p99"])


class OutsideLoad(Load):
    """`milterload`: an MTA that sends its own macros, whatever a milter asks for."""

    name = "ignores requests"

    def __init__(self, folder: Path, addresses: Sequence[str]) -> None:
        super().__init__(folder, addresses)
        self._program = compiled(Path(os.environ[OUTSIDE]) / "milterload.c", folder)

    def run(self, socket: Path, connections: int, per_message: int, seconds: float) -> Figures:
        """Talk to a milter for some seconds."""
        out = _output(
            self._program, f"unix:{socket}", connections, seconds, self._addresses, per_message
        )
        rate, p50, accepted, refused = (
            float(re.findall(rf"{name}=([\d.]+)", out)[0])
            for name in ("rcpt/s", "p50", "accepted", "rejected")
        )
        return Figures(rate, p50, refused / (accepted + refused))


def loads(folder: Path, addresses: Sequence[str]) -> list[Load]:
    """Every load that there is; says so where the one from outside is missing."""
    if OUTSIDE in os.environ:
        return [Load(folder, addresses), OutsideLoad(folder, addresses)]
    print(f"bench: no load from outside: {OUTSIDE} names no folder", file=sys.stderr)
    return [Load(folder, addresses)]


def _output(*argv: object) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {argv[0]} ended with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout
