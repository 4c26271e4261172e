"""Figures of processes, as proc(5) tells them, and how several of a kind are written."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench import processor

_NUMBER: Final = r"-?[\d,]+(?:\.\d+)?"
_SPREAD: Final = re.compile(rf"({_NUMBER})(?: \(({_NUMBER})(?:-| to )({_NUMBER})\))?")


def own_memory(pid: int) -> int:
    """Octets that are a process's alone and no file's."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell RssAnon of process {pid}")


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *processor.children(pid)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, with the lowest and the highest in brackets."""
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


class Spread(NamedTuple):
    """What `spread` wrote."""

    middle: float
    low: float
    high: float


def spread_of(figure: str | float) -> Spread:
    """Read what `spread` wrote, or a figure alone; raises ValueError for anything else."""
    match = _SPREAD.match(str(figure))
    if match is None:
        raise ValueError(f"no figure: {figure!r}")
    middle, low, high = (float((number or match[1]).replace(",", "")) for number in match.groups())
    return Spread(middle, low, high)


class Cost(NamedTuple):
    """What a call of the command took."""

    seconds: float
    processor: float
    """Seconds of it."""
    megabytes: float
    """Of its own, at most."""


def cost_of_command(config: Path, argv: list[str], most_code: int = 0) -> Cost:
    """Call the command; ends the benchmark if its exit code is higher."""
    whole = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), *argv]
    most, began = 0, time.monotonic()
    with subprocess.Popen(whole, stdout=subprocess.DEVNULL) as process:
        while not (done := os.wait4(process.pid, os.WNOHANG))[0]:
            with suppress(RuntimeError):  # it has ended meanwhile
                most = max(most, own_memory(process.pid))
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(done[1])
    if process.returncode not in range(most_code + 1):
        sys.exit(f"bench: {' '.join(argv)} ended with {process.returncode}")
    used = done[2].ru_utime + done[2].ru_stime
    return Cost(time.monotonic() - began, used, most / 1e6)
