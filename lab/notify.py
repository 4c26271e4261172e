"""The receiving side of sd_notify(3): how the lab knows that a daemon is ready."""

import contextlib
import socket
from pathlib import Path

from lab.closable import Closable


class NotifySocket(Closable):
    """A socket that a daemon started with `NOTIFY_SOCKET=path` reports to."""

    def __init__(self, path: Path) -> None:
        """Bind it; a socket of that name that is left over is replaced."""
        self.path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._lines: set[str] = set()

    def is_ready(self) -> bool:
        """Whether READY=1 has come."""
        with contextlib.suppress(BlockingIOError):
            self._lines.update(self._socket.recv(4096).decode().splitlines())
        return "READY=1" in self._lines

    def forget(self) -> None:
        """Wait for the next READY=1, whatever has come before."""
        while not self._is_empty():
            pass
        self._lines.clear()

    def _is_empty(self) -> bool:
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        self.path.unlink(missing_ok=True)
