"""Log lines on standard error that never hold up a daemon.

Who reads them may stand still: a full disk behind a fifo, a stopped journald, a terminal on hold. A
daemon that waited for him would neither answer nor end at SIGTERM. So a line waits for a second at
most, those behind it not at all, and how many were lost is said as soon as lines are taken again.
"""

import logging
import os
import select
import sys
from typing import Final, TextIO

_PATIENCE: Final = 1000  # milliseconds
# Octets that a pipe takes without waiting where poll(2) says that it can be written (pipe(7)).
_PORTION: Final = 4096


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
            lost = f"{self._lost} lines were lost: nobody took them\n" if self._lost else ""
            line = f"{lost}{self.format(record)}\n".encode("utf-8", "backslashreplace")
            self._lost = 0 if self._write(line) else self._lost + 1
        except Exception:  # noqa: BLE001 - as the library does: a log must not end what it tells of
            self.handleError(record)

    def _write(self, line: bytes) -> bool:
        """Whether the whole line was taken."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        for start in range(0, len(line), _PORTION):
            if not poll.poll(0 if self._lost else _PATIENCE):
                return False
            os.write(self._descriptor, line[start : start + _PORTION])
        return True
