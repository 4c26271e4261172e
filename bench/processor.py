"""Processor time of a tree of processes: a figure that hardly knows of what others do meanwhile."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# utime, stime, cutime and cstime of proc(5), counted behind the name of the program.
_TIMES: Final = slice(11, 15)


def used(pid: int) -> float:
    """Seconds that a process and all its descendants have used, user and system.

    A child that has ended is counted by the parent that has waited for it. Each process is measured
    in hundredths of a second.
    """
    return _own(pid) + sum(used(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    found: list[int] = []
    with suppress(OSError):  # threads and processes may end meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _own(pid: int) -> float:
    # The name may hold anything, so that the fields are counted from its closing bracket.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[_TIMES])) / _TICKS
