"""Log lines for syslog(3) that never hold up a daemon.

The socket of a syslog daemon that is stopped takes some ten lines, and then none. So a line waits
for a second at most, those behind it not at all, as on standard error (`stderrlog`).
"""

import logging
import socket
from contextlib import suppress
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Final

_PATIENCE: Final = 1.0


class SyslogHandler(SysLogHandler):
    """Writes to the socket of the syslog daemon, or leaves a line out."""

    socket: socket.socket

    def __init__(self, path: Path, ident: str) -> None:
        """Connect to a socket; `ident` begins each line. Raises OSError."""
        super().__init__(str(path), facility=SysLogHandler.LOG_MAIL)
        self.ident = ident
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record, if somebody takes it."""
        try:
            lost = f"({self._lost} lines were lost) " if self._lost else ""
            priority = self.encodePriority(self.facility, self.mapPriority(record.levelname))
            line = f"<{priority}>{self.ident}{lost}{self.format(record)}\0"
            octets = line.encode("utf-8", "backslashreplace")
            self._lost = 0 if self._is_taken(octets) else self._lost + 1
        except Exception:  # noqa: BLE001 - as the library does: a log must not end what it tells of
            self.handleError(record)

    def _is_taken(self, line: bytes) -> bool:
        with suppress(TimeoutError, BlockingIOError):
            try:
                self._send(line)
            except (TimeoutError, BlockingIOError):
                raise
            except OSError:  # the syslog daemon was started again
                self.createSocket()
                self._send(line)
            return True
        return False

    def _send(self, line: bytes) -> None:
        self.socket.settimeout(0.0 if self._lost else _PATIENCE)
        self.socket.send(line)
