"""One connection: who is at its other end, and what it may cost before a request is whole.

uvicorn bounds neither the head of a request nor the time that it takes to come. Both are bounded
here, so that a client that sends an octet a second (slow loris) holds a connection for 30 seconds
and no longer.
"""

import asyncio
import logging
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from bouncegate.web.headers import SECURITY
from bouncegate.web.sockets import Listener, Peer, peer_of

_LOG: Final = logging.getLogger("bouncegate.web")

LONGEST_HEAD: Final = 16 * 2**10
"""Octets of request line and header fields together."""
MOST_CONNECTIONS: Final = 1000
REQUEST_SECONDS: Final = 30.0
"""For a request to come, from the first octet of the connection, or of the next request."""


class Connection(HttpToolsProtocol):
    """A connection to a listener."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        listener: Listener,
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        """Nothing has come yet; `seconds` is the time for a request to come."""
        super().__init__(config, server_state, {**app_state, "listener": listener, "peer": None})
        self._listener = listener
        self._seconds = seconds
        self._head = self._unread = 0
        self._in_head = True
        self._whole = 0
        self._admitted = self._refused = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless its peer may not connect or there are too many."""
        peer = peer_of(transport.get_extra_info("socket"))
        if not self._listener.admits(peer):
            _LOG.warning("connection refused: %s socket=%s", _named(peer), self._listener.endpoint)
            self._refused = True
            transport.abort()
            return
        if len(self.connections) >= MOST_CONNECTIONS:
            self._refused = True
            transport.abort()
            return
        self._admitted = True
        self.app_state["peer"] = peer
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        self._stop_deadline()
        if self._admitted:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that grows beyond its bound is refused at once."""
        if self._refused or self.transport.is_closing():
            return
        if self._deadline is None:
            self._start_deadline()
        whole = self._whole
        super().data_received(data)
        # Of a field that is not whole yet the parser has told nothing, but holds it.
        if self._in_head and self._whole == whole and not self.transport.is_closing():
            self._unread += len(data)
            self._bound_head()

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        super().on_message_begin()
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        self._head += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        super().on_header(name, value)
        self._head += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        """The head is whole: the request is answered while its body comes."""
        if self._refused or self._bound_head():
            return
        self._in_head, self._unread = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: from now on it is we who take the time."""
        self._stop_deadline()
        if not self._refused:
            super().on_message_complete()
        self._head, self._unread, self._in_head = 0, 0, True
        self._whole += 1

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, msg)

    def _bound_head(self) -> bool:
        if max(self._head, self._unread) <= LONGEST_HEAD:
            return False
        self._refuse(431, "The header of the request is too long.")
        return True

    def _refuse(self, status: int, text: str) -> None:
        if self._refused:
            return
        self._refused = True
        body = f"{text}\n".encode()
        fields = [
            *SECURITY,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in fields]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        self.transport.close()

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(self._seconds, self._expire)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._in_head and max(self._head, self._unread):
            self._refuse(408, "The request took too long to come.")
        elif self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:  # its body is late: the answer that comes is the last one
            self.cycle.keep_alive = False


def _named(peer: Peer | None) -> str:
    return f"uid={peer.uid} pid={peer.pid}" if peer else "unknown peer"
