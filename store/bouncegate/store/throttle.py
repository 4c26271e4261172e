"""The pace of bulk work: how much one transaction takes, and the pause before the next one."""

from typing import Final

AIM: Final = 0.02
"""How long a transaction should hold the write lock, in seconds; no more than 50 ms are allowed."""

LEAST: Final = 400
"""Addresses in a transaction, at least: where the sync alone takes longer, less would not help."""

MOST: Final = 1000

# LMDB's write lock is not fair: a process that takes it again at once may starve all others.
_SHORTEST_PAUSE: Final = 0.001


class Throttle:
    """How many addresses the next transaction takes, and the pause before it.

    The cost of a transaction varies a hundredfold: neighbouring addresses share pages, scattered
    ones dirty some pages each, and the commit waits for the disk. So the size of the next one
    follows from how long the last one held the write lock.
    """

    def __init__(self, least: int = LEAST) -> None:
        """Begin with `least` addresses, and never take fewer."""
        self._least = least
        self.room = least
        """How many addresses the next transaction may take."""
        self.pause = _SHORTEST_PAUSE
        """How long the lock should be left to others before it, in seconds."""

    def took(self, addresses: int, held: float) -> None:
        """A transaction on so many addresses has held the write lock for so many seconds."""
        fitting = int(addresses * AIM / max(held, 1e-6))
        self.room = max(self._least, min(fitting, 2 * self.room, MOST))
        self.pause = max(_SHORTEST_PAUSE, min(held, AIM) / 2)
