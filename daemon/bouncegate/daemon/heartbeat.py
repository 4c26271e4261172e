"""A worker's heartbeat: a counter by which the supervisor sees that it runs.

The worker counts up a number in memory that both share, once a second. Nothing of it is on the
path of a message: a process that is stuck, or stopped, stops counting.
"""

import mmap
import os
import signal
import weakref
from typing import Final

DRAIN: Final = signal.SIGUSR1
"""Take no more connections and end with the last session; a child begins with it blocked."""

INTERVAL: Final = 1.0
"""Seconds from one beat to the next."""

_OCTETS: Final = 8


class Heartbeat:
    """A number in memory that a worker shares with the supervisor."""

    def __init__(self, descriptor: int | None = None) -> None:
        """To be made before the fork.

        `descriptor` is that of one which the program before has made in this process (`reexec`),
        and belongs to the heartbeat from now on. Raises OSError or ValueError if it is not.
        """
        self.descriptor = _memory() if descriptor is None else descriptor
        """What keeps the memory over an exec; None where the system gives none that can be kept."""
        if self.descriptor is not None:
            weakref.finalize(self, os.close, self.descriptor)
        self._memory = mmap.mmap(-1 if self.descriptor is None else self.descriptor, _OCTETS)

    def beat(self) -> None:
        """Count one up."""
        self._memory[:] = (self.count + 1).to_bytes(_OCTETS, "big")

    @property
    def count(self) -> int:
        """How often it has beaten."""
        return int.from_bytes(self._memory[:], "big")


def _memory() -> int | None:
    """A file in memory; None where the system (sysctl vm.memfd_noexec = 2) gives none."""
    try:
        descriptor = os.memfd_create("bouncegate-heartbeat")
    except OSError:
        return None
    os.ftruncate(descriptor, _OCTETS)
    return descriptor
