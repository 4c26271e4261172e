"""Metrics over HTTP on a socket of this machine, or in a file.

Every local user may connect, also slowly, or many at once. A connection has a few seconds from its
first octet to its last; their number is limited, and if all slots are in use, the client that has
waited longest with its request is closed. A client that asks at once is answered.
"""

import logging
import os
import socket
import threading
import time
from collections import OrderedDict
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder

from bouncegate.config.endpoints import Endpoint, InetSocket
from bouncegate.daemon.listening import listen

_LOG: Final = logging.getLogger("bouncegate.metrics")
# node_exporter runs as a user of its own; nothing in it is secret.
_TEXTFILE_MODE: Final = 0o644
# Seconds that a connection has for its request, and for taking the answer.
_TIMEOUT: Final = 2.0
_STOP_INTERVAL: Final = 0.5
# A server or two ask, each once in some seconds.
_MOST_CONNECTIONS: Final = 16
# Octets of a request: that of Prometheus has some 300.
_LARGEST_REQUEST: Final = 8192
_END: Final = b"\r\n\r\n"


def serve_metrics(endpoint: Endpoint, registry: CollectorRegistry, stop: threading.Event) -> None:
    """Answer until `stop` is set; raises ListenError."""
    with listen(endpoint) as listener:
        try:
            _Server(registry).serve(listener, stop)
        finally:
            if not isinstance(endpoint, InetSocket):
                endpoint.path.unlink(missing_ok=True)


def write_textfile(path: Path, registry: CollectorRegistry) -> None:
    """Write the figures, whole or not at all, for node_exporter to read; raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")  # the collector reads *.prom alone
    try:
        fresh.write_bytes(generate_latest(registry))
        fresh.chmod(_TEXTFILE_MODE)
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)


class _Server:
    """Connections, a thread each; figures are made for one at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._rendering = threading.Lock()
        self._lock = threading.Lock()
        self._reading: OrderedDict[int, socket.socket] = OrderedDict()
        """Connections whose request is not whole yet, the oldest first."""
        self._slots = threading.BoundedSemaphore(_MOST_CONNECTIONS)

    def serve(self, listener: socket.socket, stop: threading.Event) -> None:
        listener.settimeout(_STOP_INTERVAL)
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError as error:  # such as one that has hung up, or no descriptor left
                _LOG.warning("cannot accept: %s", error)
                stop.wait(_STOP_INTERVAL)
                continue
            self._start(connection)

    def _start(self, connection: socket.socket) -> None:
        while not self._slots.acquire(blocking=False):
            with self._lock:
                oldest = next(iter(self._reading.values()), None)
                if oldest is not None:
                    with suppress(OSError):
                        oldest.shutdown(socket.SHUT_RDWR)
            # It releases its slot at once; if all are being answered, some milliseconds later.
            if self._slots.acquire(timeout=_STOP_INTERVAL):
                break
        with self._lock:
            self._reading[id(connection)] = connection
        threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        try:
            with closing(connection):
                try:
                    request = _request(connection)
                finally:
                    with self._lock:
                        self._reading.pop(id(connection), None)
                connection.settimeout(_TIMEOUT)  # of sendall as a whole
                connection.sendall(self._answer(request))
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # a client that hangs up, or is too slow
        except Exception:  # noqa: BLE001 - whatever a collector raises, the next scrape goes on
            _LOG.exception("a scrape failed")
        finally:
            self._slots.release()

    def _answer(self, request: bytes) -> bytes:
        line, _, fields = request.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"", "Allow: GET, HEAD\r\n")
        if target.split(b" ")[0].split(b"?")[0] not in (b"/", b"/metrics"):
            return _response("404 Not Found", b"")
        encoder, content_type = choose_encoder(_accepted(fields))
        with self._rendering:
            body = encoder(self._registry)
        answer = _response("200 OK", body, f"Content-Type: {content_type}\r\n")
        return answer if method == b"GET" else answer[: answer.index(_END) + len(_END)]


def _request(connection: socket.socket) -> bytes:
    """The head of a request; raises OSError where it is too long, or takes too long."""
    end = time.monotonic() + _TIMEOUT
    octets = b""
    while _END not in octets:
        left = end - time.monotonic()
        if left <= 0 or len(octets) > _LARGEST_REQUEST:
            raise TimeoutError
        connection.settimeout(left)
        portion = connection.recv(_LARGEST_REQUEST)
        if not portion:
            raise ConnectionError
        octets += portion
    return octets.partition(_END)[0]


def _accepted(fields: bytes) -> str:
    for field in fields.decode("latin-1").split("\r\n"):
        name, _, value = field.partition(":")
        if name.strip().lower() == "accept":
            return value.strip()
    return ""


def _response(status: str, body: bytes, fields: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode("latin-1") + body
