"""Accepts connections at the listening socket that all workers share.

A worker with more sessions than another waits for a moment, and accepts a connection only if the
others do not take it: they may hang. At the limit of connections, an idle session is closed.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from bouncegate.classifier.returnpath.sessions import Sessions

log: Final = logging.getLogger("bouncegate.return-path")

# Enough for a worker that is awake or idle; one that handles a batch of DSNs takes longer.
_WAIT_FOR_OTHERS: Final = 0.005
# If accept(2) fails, for example without free descriptors, it would fail again at once.
_WAIT_AFTER_ERROR: Final = 0.5
# At the limit, while all sessions are within a message: how long until the next look.
_WAIT_WHILE_FULL: Final = 0.1
_TOO_MANY: Final = b"421 4.7.0 Too many connections, try again later\r\n"


class Acceptor:
    """The shared listening socket, as one worker uses it."""

    def __init__(
        self,
        listener: socket.socket,
        sessions: Sessions,
        protocol: Callable[[], asyncio.Protocol],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`protocol` serves a connection; it calls `sessions` when one begins and when it ends."""
        self._listener = listener
        self._sessions = sessions
        self._protocol = protocol
        self._loop = loop
        self._waiting: asyncio.TimerHandle | None = None
        self._starting: set[asyncio.Task[object]] = set()

    def open(self) -> None:
        """Accept connections from now on."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._on_readable)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listener.fileno())
        if self._waiting is not None:
            self._waiting.cancel()

    def _on_readable(self) -> None:
        if self._sessions.is_full and not self._sessions.can_make_room:
            # A session may end soon, or another worker may have one that can give up its place.
            self._pause(_WAIT_WHILE_FULL, self._accept)
        elif self._sessions.has_fewest:
            self._accept()
        else:
            self._pause(_WAIT_FOR_OTHERS, self._accept)

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
            log.error("cannot accept a connection: %s", error.strerror)
            self._pause(_WAIT_AFTER_ERROR, lambda: None)
            return
        if self._sessions.is_full and not self._sessions.make_room():
            with connection, suppress(OSError):  # the client may have gone
                connection.setblocking(False)
                connection.send(_TOO_MANY)
            return
        self._sessions.acquire()
        starting = self._loop.create_task(self._start(connection))
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)

    async def _start(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError as error:
            self._sessions.release()
            connection.close()
            log.warning("a connection was lost at once: %s", error)
