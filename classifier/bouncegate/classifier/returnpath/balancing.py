"""Which worker takes the next connection: one that has no more sessions than the others.

All workers wait at one listening socket, and whoever wakes first could take every connection that
waits there: of 32 that Postfix opens at once, one worker got up to 30, and the other core idled.
So each tells in shared memory how many it has, and one that has more than another holds back for a
moment; if nobody else comes, it takes the connection after all.
"""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from bouncegate.classifier.returnpath.sessions import Sessions

log: Final = logging.getLogger("bouncegate.return-path")

_NUMBER: Final = 8
# Ample for a worker that is awake or idle; one in the midst of a batch of DSNs takes longer.
_POLITE: Final = 0.005
# Where accept(2) fails, for want of descriptors say, it fails again at once.
_PAUSE: Final = 0.5
# Where all places are taken by messages that are on their way: they come and go within so long.
_FULL: Final = 0.1
# With so many of the places taken, those who hold one must hurry.
_SCARCE: Final = 0.75
_FULL_AT_ONCE: Final = b"421 4.7.0 Too many connections, try again later\r\n"


class SessionCounts:
    """The numbers of sessions of all workers; to be made before the fork."""

    def __init__(self, workers: int, most: int) -> None:
        """At most `most` sessions at once, over all `workers`."""
        self._sessions = memoryview(mmap.mmap(-1, workers * _NUMBER)).cast("Q")
        self._workers = workers
        self._most = most

    def seat(self, number: int) -> "WorkerSessions":
        """The seat of one worker; what a predecessor that died has left there is gone."""
        self._sessions[number] = 0
        return WorkerSessions(self, number)

    def change(self, number: int, by: int) -> None:
        """Count a worker's sessions."""
        self._sessions[number] += by

    def of(self, number: int) -> int:
        """A worker's sessions."""
        return self._sessions[number]

    def least(self) -> int:
        """The sessions of the worker that has the fewest."""
        return min(self._sessions[: self._workers])

    @property
    def is_full(self) -> bool:
        """Whether no more can be served."""
        return self._sum() >= self._most

    @property
    def is_scarce(self) -> bool:
        """Whether few more can be served."""
        return self._sum() >= _SCARCE * self._most

    def _sum(self) -> int:
        return sum(self._sessions[: self._workers])


class WorkerSessions:
    """One worker among the others."""

    def __init__(self, session_counts: SessionCounts, number: int) -> None:
        """The worker with that number."""
        self._session_counts = session_counts
        self._number = number

    def acquire(self) -> None:
        """One session more."""
        self._session_counts.change(self._number, 1)

    def release(self) -> None:
        """One session less."""
        self._session_counts.change(self._number, -1)

    @property
    def sessions(self) -> int:
        """How many there are."""
        return self._session_counts.of(self._number)

    @property
    def is_next(self) -> bool:
        """Whether nobody has fewer."""
        return self.sessions <= self._session_counts.least()

    @property
    def is_free(self) -> bool:
        """Whether there is room for one more."""
        return not self._session_counts.is_full

    @property
    def is_scarce(self) -> bool:
        """Whether there is room for few more."""
        return self._session_counts.is_scarce


class Acceptor:
    """The shared listening socket, seen from one worker."""

    def __init__(
        self,
        listener: socket.socket,
        seat: WorkerSessions,
        protocol: Callable[[], asyncio.Protocol],
        loop: asyncio.AbstractEventLoop,
        sessions: Sessions,
    ) -> None:
        """Nobody is let in yet; `protocol` makes what serves a connection.

        Whoever ends a session says so to `seat`. Where all places are taken, one of the worker's
        `sessions` gives up its own.
        """
        self._listener = listener
        self._seat = seat
        self._protocol = protocol
        self._sessions = sessions
        self._loop = loop
        self._waiting: asyncio.TimerHandle | None = None
        self._greetings: set[asyncio.Task[object]] = set()

    def open(self) -> None:
        """Let connections in from now on."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._on_readable)

    def close(self) -> None:
        """Let nobody in any more."""
        self._loop.remove_reader(self._listener.fileno())
        if self._waiting is not None:
            self._waiting.cancel()

    def _on_readable(self) -> None:
        if not self._seat.is_free and not self._sessions.can_make_room:
            # A session may end soon, or another worker may have one that can give up its place.
            self._pause(_FULL, self._accept)
        elif self._seat.is_next:
            self._accept()
        else:
            self._pause(_POLITE, self._accept)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener.fileno())

        def go_on() -> None:
            self.open()
            then()

        self._waiting = self._loop.call_later(seconds, go_on)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the client has gone
        except OSError as error:
            log.error("no connection can be taken: %s", error.strerror)
            self._pause(_PAUSE, lambda: None)
            return
        if not self._seat.is_free and not self._sessions.make_room():
            with connection, suppress(OSError):  # the client may have gone
                connection.setblocking(False)
                connection.send(_FULL_AT_ONCE)
            return
        self._seat.acquire()
        greeting = self._loop.create_task(self._greet(connection))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)

    async def _greet(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError as error:
            self._seat.release()
            connection.close()
            log.warning("a connection was lost at once: %s", error)
