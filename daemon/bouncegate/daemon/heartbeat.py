"""A worker's heartbeat: the proof that it still runs, which its supervisor can feel.

The worker counts up a number in memory that both share, once a second. Nothing of it is on the
path of a message: a process that is stuck, or stopped, stops counting.
"""

import mmap
import signal
from typing import Final

DRAIN: Final = signal.SIGUSR1
"""Take no more connections and end with the last session; a child begins with it blocked."""

INTERVAL: Final = 1.0
"""Seconds from one beat to the next."""

_OCTETS: Final = 8


class Heartbeat:
    """A number in memory that a worker shares with the supervisor."""

    def __init__(self) -> None:
        """To be made before the fork."""
        self._memory = mmap.mmap(-1, _OCTETS)

    def beat(self) -> None:
        """Count one up."""
        self._memory[:] = (self.count + 1).to_bytes(_OCTETS, "big")

    @property
    def count(self) -> int:
        """How often it has beaten."""
        return int.from_bytes(self._memory[:], "big")
