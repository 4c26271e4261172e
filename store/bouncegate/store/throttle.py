"""How much a transaction of bulk work takes on, so that nobody waits long for the write lock.

What a transaction costs differs by a hundred times: addresses that are neighbours share their
pages, scattered ones dirty some pages each, and the commit waits for the disk. So the next one is
measured by how long the last one held the lock.
"""

from typing import Final

AIM: Final = 0.02
"""How long a transaction should hold the write lock, in seconds; no more than 50 ms are allowed."""

LEAST: Final = 400
"""Addresses in a transaction, at least: where the sync alone takes longer, less would not help."""

MOST: Final = 1000

# LMDB's write lock is not fair: whoever takes it again at once may keep all others from it.
_SHORTEST_PAUSE: Final = 0.001


class Throttle:
    """The size of the next transaction, and the pause before it."""

    def __init__(self) -> None:
        """Begin carefully."""
        self.room = LEAST
        """How many addresses the next transaction may take."""
        self.pause = _SHORTEST_PAUSE
        """How long the lock should be left to others before it, in seconds."""

    def took(self, addresses: int, held: float) -> None:
        """A transaction on so many addresses has held the write lock for so many seconds."""
        fitting = int(addresses * AIM / max(held, 1e-6))
        self.room = max(LEAST, min(fitting, 2 * self.room, MOST))
        self.pause = max(_SHORTEST_PAUSE, min(held, AIM) / 2)
