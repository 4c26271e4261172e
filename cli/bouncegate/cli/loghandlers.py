"""Log handlers that never hold up a daemon: for standard error, and for syslog(3).

Their reader may stop reading: a full disk after a fifo, a stopped journald, a terminal on hold. The
socket of a syslog daemon that is stopped takes some ten lines, and then none. A daemon that waited
would neither answer nor end at SIGTERM. So the first line waits for a second at most, later ones
not at all, and the number of lost lines is logged as soon as lines are taken again.

A line costs one system call where its reader keeps up and is a file, a socket (as the journal's is)
or syslog; a pipe or a terminal is asked first whether it takes one.
"""

import logging
import os
import select
import socket
import stat
import sys
import time
from contextlib import suppress
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Final, TextIO

from bouncegate.cli.lineformat import LineFormatter
from bouncegate.config.text import counted
from bouncegate.daemon.infolines import Write

_TIMEOUT: Final = 1.0  # seconds
# Octets that a pipe takes without waiting where poll(2) says that it can be written (pipe(7)).
_CHUNK: Final = 4096


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, or leaves a line out."""

    def __init__(self, formatter: LineFormatter) -> None:
        """Use the standard error that is there now; one that is no file is written as it is."""
        super().__init__(sys.stderr)
        self.setFormatter(formatter)
        self._lines = formatter
        try:
            self._descriptor = sys.stderr.fileno()
            mode = os.fstat(self._descriptor).st_mode
        except (OSError, ValueError):
            self._descriptor, mode = -1, 0
        self._is_file = stat.S_ISREG(mode)
        self._socket = _stream_socket(self._descriptor) if stat.S_ISSOCK(mode) else None
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record, if somebody takes it."""
        if self._descriptor < 0:
            super().emit(record)
            return
        try:
            self._take(self.format(record))
        except Exception:  # noqa: BLE001 - as the library does: a log must not end what it tells of
            self.handleError(record)

    def info_lines(self, name: str) -> Write:
        """The way for texts of severity info: without a record, nor the lock if all is well."""
        if self._descriptor < 0:
            return lambda text: logging.getLogger(name).info("%s", text)

        def write(text: str) -> None:
            line = f"{self._lines.before(name, logging.INFO, time.time())}{text}"
            try:
                self._take(line)
            except Exception:  # noqa: BLE001 - as above
                self.handleError(logging.makeLogRecord({"name": name, "msg": text}))

        return write

    def close(self) -> None:
        """Close what is ours; standard error stays open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        super().close()

    def _take(self, text: str) -> None:
        line = f"{text}\n".encode("utf-8", "backslashreplace")
        done = 0 if self._lost else self._at_once(line)
        if done < len(line):
            self.acquire()
            try:
                self._wait(line, done)
            finally:
                self.release()

    def _at_once(self, line: bytes) -> int:
        """How much is taken without waiting, by one system call; nothing where that cannot be."""
        if self._is_file:
            return os.write(self._descriptor, line)
        if self._socket is not None:
            with suppress(BlockingIOError):
                return self._socket.send(line, socket.MSG_DONTWAIT)
        return 0

    def _wait(self, line: bytes, done: int) -> None:
        """Write the rest of a line, or count it as lost."""
        if self._lost and not done:
            lost = f"lost {counted(self._lost, 'line')}: the reader did not take them\n"
            line = lost.encode() + line
        self._lost = 0 if self._write(line[done:]) else self._lost + 1

    def _write(self, line: bytes) -> bool:
        """Whether the whole line was taken."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        for start in range(0, len(line), _CHUNK):
            if not poll.poll(0 if self._lost else int(_TIMEOUT * 1000)):
                return False
            os.write(self._descriptor, line[start : start + _CHUNK])
        return True


def _stream_socket(descriptor: int) -> socket.socket | None:
    """A socket that stands for the descriptor, to be asked not to wait for one line."""
    found = socket.socket(fileno=os.dup(descriptor))
    if found.type == socket.SOCK_STREAM:
        return found
    found.close()
    return None


class SyslogHandler(SysLogHandler):
    """Writes to the socket of the syslog daemon, or leaves a line out."""

    socket: socket.socket

    def __init__(self, path: Path, ident: str, formatter: LineFormatter) -> None:
        """Connect to a socket; `ident` begins each line. Raises OSError."""
        super().__init__(str(path), facility=SysLogHandler.LOG_MAIL)
        self.ident = ident
        self.setFormatter(formatter)
        self._lines = formatter
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record, if somebody takes it."""
        try:
            self._take(self.mapPriority(record.levelname), self.format(record))
        except Exception:  # noqa: BLE001 - as the library does: a log must not end what it tells of
            self.handleError(record)

    def info_lines(self, name: str) -> Write:
        """The way for texts of severity info: without a record, nor the lock if all is well."""

        def write(text: str) -> None:
            try:
                self._take("info", f"{self._lines.before(name, logging.INFO, time.time())}{text}")
            except Exception:  # noqa: BLE001 - as above
                self.handleError(logging.makeLogRecord({"name": name, "msg": text}))

        return write

    def _take(self, priority: str, text: str) -> None:
        before = f"<{self.encodePriority(self.facility, priority)}>{self.ident}"
        if not self._lost:
            with suppress(OSError):  # it takes none now, or was started again
                self._send(f"{before}{text}\0", socket.MSG_DONTWAIT)
                return
        self.acquire()
        try:
            lost = f"(lost {counted(self._lost, 'line')}) " if self._lost else ""
            self._lost = 0 if self._is_taken(f"{before}{lost}{text}\0") else self._lost + 1
        finally:
            self.release()

    def _is_taken(self, line: str) -> bool:
        with suppress(TimeoutError, BlockingIOError):
            try:
                self._wait(line)
            except (TimeoutError, BlockingIOError):
                raise
            except OSError:  # the syslog daemon was started again
                self.createSocket()
                self._wait(line)
            return True
        return False

    def _wait(self, line: str) -> None:
        self.socket.settimeout(0.0 if self._lost else _TIMEOUT)
        try:
            self._send(line, 0)
        finally:
            self.socket.settimeout(None)

    def _send(self, line: str, flags: int) -> None:
        self.socket.send(line.encode("utf-8", "backslashreplace"), flags)
