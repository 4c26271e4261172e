"""Where figures are had: over HTTP on a socket of this machine, or in a file.

One request is answered at a time, and a client that falls silent is cut off after some seconds.
"""

import logging
import os
import socket
import sys
import threading
from http.server import HTTPServer
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import MetricsHandler

from bouncegate.config.values import Endpoint, InetSocket
from bouncegate.daemon.listening import listen

_LOG: Final = logging.getLogger("bouncegate.metrics")
# node_exporter runs as a user of its own; nothing in it is secret.
_TEXTFILE_MODE: Final = 0o644
_PATIENCE: Final = 2.0
_LOOK_FOR_STOP: Final = 0.5


class _Handler(MetricsHandler):
    timeout = _PATIENCE

    def address_string(self) -> str:
        """A client on a unix socket has no address."""
        return "local"


def serve_metrics(endpoint: Endpoint, registry: CollectorRegistry, stop: threading.Event) -> None:
    """Answer until told to stop; raises ListenError."""
    handler = type("_Bound", (_Handler,), {"registry": registry})
    with listen(endpoint) as listener:
        try:
            _serve(listener, handler, stop)
        finally:
            if not isinstance(endpoint, InetSocket):
                endpoint.path.unlink(missing_ok=True)


class _Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say what is worth saying: a client that hangs up is not."""
        error = sys.exception()
        if not isinstance(error, OSError):
            _LOG.error("a scrape failed: %s", error, exc_info=error)


def write_textfile(path: Path, registry: CollectorRegistry) -> None:
    """Write the figures, whole or not at all, for node_exporter to read; raises OSError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")  # the collector reads *.prom alone
    try:
        fresh.write_bytes(generate_latest(registry))
        fresh.chmod(_TEXTFILE_MODE)
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)


def _serve(listener: socket.socket, handler: type[_Handler], stop: threading.Event) -> None:
    server = _Server(("", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.timeout = _LOOK_FOR_STOP
    while not stop.is_set():
        server.handle_request()
