"""Processes of others, looked at in /proc."""

from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process runs: one that has ended may wait to be asked how.

    Where nobody asks, as the first process of many a container, it waits for ever.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # FileNotFoundError, or ProcessLookupError in the midst of its end
        return False
    return state not in "ZX"


def children(pid: int) -> frozenset[int]:
    """The processes that a process has started and that run."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return frozenset(int(child) for child in listed)
