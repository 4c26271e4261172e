"""The form of a log line: one line a record, whatever is in it.

Text from the wire may hold anything. Every character that is not printable is shown as an
escape, so that no sender can forge a line or write to an administrator's terminal.
"""

import logging
import os
import time
from functools import lru_cache
from typing import Final

from bouncegate.config.text import printable

__all__ = ["DatedFormatter", "JournalFormatter", "LineFormatter", "printable"]

# Severities of syslog(3), which the journal takes in angle brackets (sd-daemon(3)).
_SEVERITIES: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class LineFormatter(logging.Formatter):
    """One record, one line; a traceback is folded into it."""

    def before(self, _name: str, _severity: int, _time: float) -> str:
        """What stands before the text of the logger of that name."""
        return ""

    def format(self, record: logging.LogRecord) -> str:
        """The line without its line feed."""
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info).replace("\n", " | ")
        head = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        before = self.before(record.name, record.levelno, record.created)
        return f"{before}{printable(f'{head}{text}')}"


class JournalFormatter(LineFormatter):
    """With the severity in front, as the journal takes it."""

    def before(self, _name: str, severity: int, _time: float) -> str:
        return f"<{_SEVERITIES.get(severity, 6)}>"


class DatedFormatter(LineFormatter):
    """With time, part and process in front."""

    def before(self, name: str, _severity: int, time: float) -> str:
        return f"{_second(int(time))}Z {name}[{os.getpid()}]: "


# Lines come many to a second.
@lru_cache(1)
def _second(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(number))
