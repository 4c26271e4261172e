"""Where a worker runs: on a core of its own while it is busy, else wherever the system likes.

Only one thread of a worker can hold the interpreter's lock. Spread over the cores, the threads of a
busy worker spend their time in handing the lock over: with 8 connections and 50 recipients a
message, two workers answered 40,000 recipients a second, and 69,000 each on its own core. A worker
that is not busy is better woken where the MTA runs: kept to one core, a message through a Postfix
cost it 243 us of processor time and 200 without, and over one connection 40 us and 26.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

# A worker that leaves the load no rest uses 60 to 65 % of a core, of two; one connection 32 %.
_BUSY: Final = 0.45
# How many beats in a row without that make it move freely again.
_CALM: Final = 10

SetAffinity = Callable[[frozenset[int]], None]
"""Lets all threads of this process run on these cores."""


class Affinity:
    """The core of one worker."""

    def __init__(
        self,
        place: int,
        workers: int,
        cores: frozenset[int],
        set_affinity: SetAffinity,
        clocks: Callable[[], tuple[float, float]] = lambda: (time.monotonic(), time.process_time()),
    ) -> None:
        """`place` tells the workers apart: 0 for the first, and so on.

        `clocks` tell the time and the processor time that this process has used, in seconds.
        """
        self._own = frozenset(sorted(cores)[place : place + 1])
        self._cores = cores
        self._shares = workers <= 1 or workers > len(cores)
        self._move = set_affinity
        self._clocks = clocks
        self._then = clocks()
        self._calm = _CALM

    def look(self) -> None:
        """See how busy the worker has been lately; to be called about once a second."""
        if self._shares:
            return
        was_kept = self._calm < _CALM
        now = self._clocks()
        passed, used = now[0] - self._then[0], now[1] - self._then[1]
        self._then = now
        self._calm = 0 if used > _BUSY * passed else min(self._calm + 1, _CALM)
        is_kept = self._calm < _CALM
        if is_kept != was_kept:
            self._move(self._own if is_kept else self._cores)


def set_affinity(cores: frozenset[int]) -> None:
    """Let all threads run on these cores; those to come take after the one that starts them."""
    for task in Path("/proc/self/task").iterdir():
        # A service manager may forbid it, and a thread may have ended; it is only speed.
        with suppress(OSError):
            os.sched_setaffinity(int(task.name), cores)
