"""Where log lines go: standard error, the journal or syslog."""

import logging
import os
from pathlib import Path
from typing import Final

from bouncegate.cli.lineformat import DatedFormatter, JournalFormatter, LineFormatter
from bouncegate.cli.loghandlers import StderrHandler, SyslogHandler
from bouncegate.config.settings import LogSettings

_SYSLOG: Final = Path("/dev/log")


def set_up_logging(settings: LogSettings, name: str) -> None:
    """Send the records of all parts where the settings say; `name` is the daemon's."""
    handler = _handler(settings, name)
    root = logging.getLogger()
    before, root.handlers[:] = list(root.handlers), [handler]
    for one in before:
        if isinstance(one, StderrHandler | SyslogHandler):
            one.close()
    root.setLevel(settings.level.upper())
    # No line contains these, and to find them out is a third of the cost of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None


def _handler(settings: LogSettings, name: str) -> logging.Handler:
    if settings.to == "syslog" and _SYSLOG.exists():
        return SyslogHandler(_SYSLOG, f"bouncegate/{name}[{os.getpid()}]: ", LineFormatter())
    return StderrHandler(JournalFormatter() if "JOURNAL_STREAM" in os.environ else DatedFormatter())
