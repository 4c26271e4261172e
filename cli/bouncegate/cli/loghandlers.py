"""Log handlers that never hold up a daemon: for standard error, and for syslog(3).

Their reader may stop reading: a full disk after a fifo, a stopped journald, a terminal on hold. The
socket of a syslog daemon that is stopped takes some ten lines, and then none. A daemon that waited
would neither answer nor end at SIGTERM. So the first line waits for a second at most, later ones
not at all, and the number of lost lines is logged as soon as lines are taken again.
"""

import logging
import os
import select
import socket
import sys
from contextlib import suppress
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Final, TextIO

from bouncegate.config.text import counted

_TIMEOUT: Final = 1.0  # seconds
# Octets that a pipe takes without waiting where poll(2) says that it can be written (pipe(7)).
_CHUNK: Final = 4096


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, or leaves a line out."""

    def __init__(self) -> None:
        """Use the standard error that is there now; one that is no file is written as it is."""
        super().__init__(sys.stderr)
        try:
            self._descriptor = sys.stderr.fileno()
        except (OSError, ValueError):
            self._descriptor = -1
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record, if somebody takes it."""
        if self._descriptor < 0:
            super().emit(record)
            return
        try:
            lost = (
                f"lost {counted(self._lost, 'line')}: the reader did not take them\n"
                if self._lost
                else ""
            )
            line = f"{lost}{self.format(record)}\n".encode("utf-8", "backslashreplace")
            self._lost = 0 if self._write(line) else self._lost + 1
        except Exception:  # noqa: BLE001 - as the library does: a log must not end what it tells of
            self.handleError(record)

    def _write(self, line: bytes) -> bool:
        """Whether the whole line was taken."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        for start in range(0, len(line), _CHUNK):
            if not poll.poll(0 if self._lost else int(_TIMEOUT * 1000)):
                return False
            os.write(self._descriptor, line[start : start + _CHUNK])
        return True


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
            lost = f"(lost {counted(self._lost, 'line')}) " if self._lost else ""
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
        self.socket.settimeout(0.0 if self._lost else _TIMEOUT)
        self.socket.send(line)
