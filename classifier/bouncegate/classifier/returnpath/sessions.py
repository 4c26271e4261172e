"""The open LMTP sessions of a worker, and which of them ends when another one needs its place.

Idle clients must not shut out those that have something to say. A session in the midst of a
message keeps its place; of the others, the one that has been idle for the longest time gives it up.
Postfix, too, closes a cached connection to make another one, and makes a new one when a cached one
has been closed.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from bouncegate.classifier.returnpath.lmtp import Session

_WHY: Final = "4.3.2 Idle, and others need the connection"


class Sessions:
    """Those of one worker."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        """None yet; `on_end` is called when one has ended."""
        self._open: Final[set[Session]] = set()
        self._on_end = on_end

    def began(self, session: Session) -> None:
        """Note one that has begun."""
        self._open.add(session)

    def ended(self, session: Session) -> None:
        """Note that it has ended."""
        self._open.discard(session)
        self._on_end()

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
