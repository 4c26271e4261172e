"""CPU affinity of a worker: one core while it is busy, all cores otherwise.

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
# After so many calls in a row without that, it may use all cores again.
_IDLE_CALLS: Final = 10

SetAffinity = Callable[[frozenset[int]], None]
"""Lets all threads of this process run on these cores."""


class Affinity:
    """The affinity of one worker."""

    def __init__(
        self,
        number: int,
        workers: int,
        cores: frozenset[int],
        set_affinity: SetAffinity,
        clocks: Callable[[], tuple[float, float]] = lambda: (time.monotonic(), time.process_time()),
    ) -> None:
        """`number` tells the workers apart: 0 for the first, and so on.

        `clocks` tell the time and the processor time that this process has used, in seconds.
        """
        self._core = frozenset(sorted(cores)[number : number + 1])
        self._cores = cores
        self._is_disabled = workers <= 1 or workers > len(cores)
        self._set_affinity = set_affinity
        self._clocks = clocks
        self._last = clocks()
        self._idle = _IDLE_CALLS

    def update(self) -> None:
        """Measure how busy the worker has been; call it about once a second."""
        if self._is_disabled:
            return
        was_bound = self._idle < _IDLE_CALLS
        now = self._clocks()
        passed, used = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        self._idle = 0 if used > _BUSY * passed else min(self._idle + 1, _IDLE_CALLS)
        is_bound = self._idle < _IDLE_CALLS
        if is_bound != was_bound:
            self._set_affinity(self._core if is_bound else self._cores)


def set_affinity(cores: frozenset[int]) -> None:
    """Let all threads run on these cores; those to come take after the one that starts them."""
    for task in Path("/proc/self/task").iterdir():
        # A service manager may forbid it, and a thread may have ended; it is only speed.
        with suppress(OSError):
            os.sched_setaffinity(int(task.name), cores)
