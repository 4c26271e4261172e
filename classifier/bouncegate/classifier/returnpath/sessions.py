"""The open LMTP sessions: those of a worker, and how many each of the other workers has.

All workers accept connections at one listening socket, and the first to wake could take every one
that waits there: of 32 that were opened at once, one worker of two got 30 to 32. So each worker
counts its sessions on the scoreboard, and one that has more than another holds back. The sum of
all counts is bounded. Workers that only drain do not matter for either.

Idle clients must not block clients that have mail to send. A session with a message in progress
keeps its place; of the others, the one that has been idle longest gives it up.
Postfix, too, closes a cached connection to make another one, and makes a new one when a cached one
has been closed.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from bouncegate.classifier.returnpath.lmtp import Session
from bouncegate.daemon.scoreboard import Row

# The share of places in use above which the short timeouts apply.
_SCARCE: Final = 0.75
_WHY: Final = "4.3.2 Idle, and others need the connection"


class Sessions:
    """The sessions of one worker."""

    def __init__(self, row: Row, workers: Sequence[Row], most: int) -> None:
        """None yet, for the worker with this row; at most `most` at once, over all `workers`."""
        self.row: Final = row
        self._workers = workers
        self._most = most
        self._open: Final[set[Session]] = set()

    @property
    def is_full(self) -> bool:
        """Whether all places are taken."""
        return sum(self._loads) >= self._most

    @property
    def is_scarce(self) -> bool:
        """Whether few places are left."""
        return sum(self._loads) >= _SCARCE * self._most

    @property
    def has_fewest(self) -> bool:
        """Whether no other worker has fewer."""
        return self.row.sessions <= min(self._loads, default=0)

    @property
    def _loads(self) -> list[int]:
        """How many sessions each worker has that runs."""
        return [row.sessions for row in self._workers if row.beats]

    def acquire(self) -> None:
        """Take a place for a connection that was accepted."""
        self.row.sessions += 1

    def release(self) -> None:
        """Give a place back."""
        self.row.sessions -= 1

    def began(self, session: Session) -> None:
        """Note a session that has begun at the place taken for it."""
        self._open.add(session)

    def ended(self, session: Session) -> None:
        """Note that it has ended."""
        self._open.discard(session)
        self.release()

    @property
    def can_make_room(self) -> bool:
        """Whether a session can give up its place."""
        return any(session.is_between_messages for session in self._open)

    def make_room(self) -> bool:
        """End the session that has been idle for the longest time; whether there is one."""
        idle = (session for session in self._open if session.is_between_messages)
        session = min(idle, key=attrgetter("idle_since"), default=None)
        if session is not None:
            session.hang_up(_WHY)
        return session is not None
