"""Where log lines go: standard error, the journal or syslog; one line a record, whatever is in it.

Text from the wire may hold anything. Every character that is not printable is shown as an
escape, so that no sender can forge a line or write to an administrator's terminal.
"""

import logging
import os
import time
from pathlib import Path
from typing import Final

from bouncegate.cli.loghandlers import StderrHandler, SyslogHandler
from bouncegate.config.settings import LogSettings
from bouncegate.config.text import escaped

_SYSLOG: Final = Path("/dev/log")
# Severities of syslog(3), which the journal takes in angle brackets (sd-daemon(3)).
_SEVERITIES: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


def printable(text: str) -> str:
    r"""The text on one line: what is not printable becomes an escape such as `\x0a`."""
    return escaped(text, _escape)


def set_up_logging(settings: LogSettings, name: str) -> None:
    """Send the records of all parts where the settings say; `name` is the daemon's."""
    handler = _handler(settings, name)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    # No line contains these, and to find them out is a third of the cost of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None


class _Line(logging.Formatter):
    """One record, one line; a traceback is folded into it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line without its line feed."""
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info).replace("\n", " | ")
        head = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return printable(f"{head}{text}")


class _Journal(_Line):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_SEVERITIES.get(record.levelno, 6)}>{super().format(record)}"


class _Dated(_Line):
    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{when}Z {record.name}[{os.getpid()}]: {super().format(record)}"


def _handler(settings: LogSettings, name: str) -> logging.Handler:
    if settings.to == "syslog" and _SYSLOG.exists():
        syslog = SyslogHandler(_SYSLOG, f"bouncegate/{name}[{os.getpid()}]: ")
        syslog.setFormatter(_Line())
        return syslog
    stderr = StderrHandler()
    stderr.setFormatter(_Journal() if "JOURNAL_STREAM" in os.environ else _Dated())
    return stderr


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
