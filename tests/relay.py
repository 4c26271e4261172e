"""A relay in front of a server on a loopback port, which can be cut or fall silent."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """Passes octets on, until it is told otherwise."""

    def __init__(self, port: int) -> None:
        """`port`: the server's."""
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._flowing = {"out": threading.Event(), "back": threading.Event()}
        for flowing in self._flowing.values():
            flowing.set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.resume()
        while self._threads:
            self.cut()
            self._threads[-1].join(0.1)
            if not self._threads[-1].is_alive():
                self._threads.pop()

    def cut(self) -> None:
        """End all connections, as a firewall does that resets them."""
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def silence(self, *ways: str) -> None:
        """Pass nothing on, one way ("out": to the server, "back") or both; nobody is told."""
        for way in ways or self._flowing:
            self._flowing[way].clear()

    def resume(self) -> None:
        """Pass everything on again, what waits included."""
        for flowing in self._flowing.values():
            flowing.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            self._open += [client, server]
            back = self._start(self._pass, server, client, "back")
            self._pass(client, server, "out")
            back.join()
            self._open.remove(client)
            self._open.remove(server)

    def _pass(self, source: socket.socket, to: socket.socket, way: str) -> None:
        with suppress(OSError):
            while octets := source.recv(65536):
                self._flowing[way].wait()
                to.sendall(octets)
        for sock in (source, to):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[..., None], *values: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=values)
        self._threads.append(thread)
        thread.start()
        return thread
