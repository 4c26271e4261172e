"""One request to a receiver: bounded in time and size, without redirects, with TLS checked.

http.client follows no redirect by itself, and none is followed here: what it leads to was named by
no operator. Whoever answers is a stranger, so that the answer is cut to what a log can hold.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from bouncegate.config.text import visible
from bouncegate.web.events.retries import Answer

TIMEOUT: Final = 15.0
"""Seconds for a whole request."""
MOST_KEPT: Final = 1024
"""Octets of an answer that are kept; the rest is read only to use the connection again."""
_MOST_READ: Final = 65_536
_IDLE: Final = 10.0  # a connection that nobody used for longer is made anew
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: holds an IPv4 address
_PORTS: Final = {"http": 80, "https": 443}


class Target(NamedTuple):
    """Where events go."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Target:
        """The target of a URL that the config has accepted."""
        parts = urlsplit(url)
        path = parts.path or "/"
        return cls(
            parts.scheme,
            parts.hostname or "",
            parts.port or _PORTS[parts.scheme],
            f"{path}?{parts.query}" if parts.query else path,
        )


class Forbidden(OSError):
    """An address to which nothing may be sent."""


class _Timed:
    """A socket that is done by a deadline, however slowly the other side writes."""

    deadline = 0.0

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        """As that of a socket; raises TimeoutError."""
        self.settimeout(_left(self.deadline))  # type: ignore[attr-defined]
        return super().recv_into(*arguments, **named)  # type: ignore[misc, no-any-return]


class _TimedSocket(_Timed, socket.socket):
    pass


class _TimedTls(_Timed, ssl.SSLSocket):
    pass


def tls_context() -> ssl.SSLContext:
    """TLS as it is checked: a name and a chain that this machine trusts."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TimedTls
    return context


class Poster:
    """Sends to one target, and keeps one connection; for one thread."""

    def __init__(
        self, target: Target, *, forbids_private: bool, context: ssl.SSLContext | None = None
    ) -> None:
        """`forbids_private`: who named the target may not reach what this machine alone reaches."""
        self._target = target
        self._forbids_private = forbids_private
        self._context = context or tls_context()
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a request; raises nothing."""
        end = time.monotonic() + TIMEOUT
        is_fresh = self._connection is None or time.monotonic() - self._used > _IDLE
        if is_fresh:
            self.close()
        try:
            answer = self._posted(body, headers, end)
            if answer is None and not is_fresh:
                # The receiver had closed it meanwhile: that says nothing of this request.
                self.close()
                answer = self._posted(body, headers, end)
            return answer or Answer(0, "the connection was closed without an answer")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, described(error))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _posted(self, body: bytes, headers: dict[str, str], end: float) -> Answer | None:
        """The answer; None where the connection was closed before any of it came."""
        connection = self._connection or self._connected(end)
        self._connection = connection
        _limit(connection, end)
        try:
            connection.request("POST", self._target.path, body, headers)
            _limit(connection, end)
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            return None
        text = self._read(response)
        self._used = time.monotonic()
        return Answer(response.status, text, response.getheader("retry-after") or "")

    def _read(self, response: http.client.HTTPResponse) -> str:
        kept, total = b"", 0
        with suppress(OSError, http.client.HTTPException):
            while total <= _MOST_READ and (octets := response.read1(_MOST_READ)):
                kept, total = (kept + octets)[:MOST_KEPT], total + len(octets)
            if total <= _MOST_READ:
                response.read()  # of nothing: then it knows that it has ended
            if response.isclosed() and not response.will_close:
                return _text(kept)
        self.close()
        return _text(kept)

    def _connected(self, end: float) -> http.client.HTTPConnection:
        target = self._target
        connection: http.client.HTTPConnection
        if target.scheme == "https":
            connection = http.client.HTTPSConnection(
                target.host, target.port, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(target.host, target.port)
        sock = self._reached(end)
        if target.scheme == "https":
            sock = self._context.wrap_socket(sock, server_hostname=target.host)
        connection.sock = sock
        # A lost connection is an error of this attempt: never made again without the checks above.
        connection.auto_open = 0
        return connection

    def _reached(self, end: float) -> socket.socket:
        """A connection to an address of the host to which something may be sent."""
        target, failure = self._target, OSError(f"{self._target.host}: no address")
        for family, kind, proto, _, address in socket.getaddrinfo(
            target.host, target.port, type=socket.SOCK_STREAM
        ):
            try:
                if self._forbids_private and not is_public(str(address[0])):
                    raise Forbidden(f"{target.host}: {address[0]} is not a public address")
                sock = _TimedSocket(family, kind, proto)
                try:
                    sock.settimeout(_left(end))
                    sock.connect(address)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except BaseException:
                    sock.close()
                    raise
                return sock
            except OSError as error:
                failure = error
        raise failure


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet's, and of one host."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inner:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def described(error: Exception) -> str:
    """Why there was no answer."""
    if isinstance(error, TimeoutError):
        return f"no answer in {TIMEOUT:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: {error.verify_message}"
    return visible(str(getattr(error, "strerror", None) or error or type(error).__name__))[
        :MOST_KEPT
    ]


def _limit(connection: http.client.HTTPConnection, end: float) -> None:
    sock = connection.sock
    assert isinstance(sock, _Timed), "made by `_connected`"
    sock.deadline = end
    connection.sock.settimeout(_left(end))


def _left(end: float) -> float:
    if (left := end - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _text(octets: bytes) -> str:
    return visible(octets.decode("utf-8", "replace"))
