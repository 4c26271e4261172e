"""A clock that runs faster for the processes that are given it, all of them alike.

What Python asks for as the time of day, and as the time since boot, runs so many times as fast from
one moment on; pauses of threads (`Event.wait`) are as much shorter. The monotonic clock, by which
timeouts of sockets are measured, stays as it is. C and the kernel know nothing of it: files have
the times of the machine.
"""

import os
import time
from pathlib import Path

_CUSTOMIZE = """
import os, threading, time
_from, _speed = float(os.environ["TEST_CLOCK_FROM"]), float(os.environ["TEST_CLOCK_SPEED"])
_time, _clock, _wait = time.time, time.clock_gettime, threading.Event.wait
_ahead = lambda: (_time() - _from) * (_speed - 1)
time.time = lambda: _time() + _ahead()
time.time_ns = lambda: int(time.time() * 10**9)
time.clock_gettime = lambda clock: _clock(clock) + (
    _ahead() if clock in (time.CLOCK_BOOTTIME, time.CLOCK_REALTIME) else 0
)
threading.Event.wait = lambda self, timeout=None: _wait(
    self, None if timeout is None else timeout / _speed
)
"""


class FastClock:
    """The clock, which began when this was made."""

    def __init__(self, folder: Path, speed: float) -> None:
        """Let it run `speed` times as fast; `folder` holds what makes a process use it."""
        self._began, self._speed = time.time(), speed
        place = folder / "fast-clock"
        place.mkdir(exist_ok=True)
        (place / "sitecustomize.py").write_text(_CUSTOMIZE)
        path = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH"))))
        self.environment = {
            "PYTHONPATH": path,
            "TEST_CLOCK_FROM": repr(self._began),
            "TEST_CLOCK_SPEED": repr(speed),
        }
        """What the environment of a process must have."""

    def time(self) -> float:
        """What it shows: seconds since 1970."""
        return self._began + self.passed()

    def passed(self) -> float:
        """Seconds that it has run, by itself."""
        return (time.time() - self._began) * self._speed
