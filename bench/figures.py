"""Figures of processes, as proc(5) tells them, and how several of a kind are written."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

from bench import processor


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


def cost_of_command(config: Path, argv: list[str]) -> tuple[float, float]:
    """Seconds of processor time and megabytes of its own, at most, of a call of the command."""
    whole = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), *argv]
    most = 0
    with subprocess.Popen(whole, stdout=subprocess.DEVNULL) as process:
        while not (done := os.wait4(process.pid, os.WNOHANG))[0]:
            with suppress(RuntimeError):  # it has ended meanwhile
                most = max(most, own_memory(process.pid))
            time.sleep(0.02)
        process.returncode = 0
    return done[2].ru_utime + done[2].ru_stime, most / 1e6
