"""Log lines of severity info that are whole already, on paths that cannot afford a log record.

A line costs the logging library some 5 us while its code is in the processor's cache, and several
times that where a mail server runs in between. Where one handler of ours takes all that a logger
logs, it is handed the text itself. What it writes is the same, octet for octet.
"""

import logging
from collections.abc import Callable
from typing import Protocol, runtime_checkable

Write = Callable[[str], None]
"""Logs a text of printable ASCII; raises nothing."""


@runtime_checkable
class LineHandler(Protocol):
    """A log handler that takes texts as well as records."""

    def info_lines(self, name: str) -> Write:
        """The way for texts of severity info of the logger of that name."""
        ...


def info_lines(logger: logging.Logger) -> Write:
    """The shortest way for texts of severity info, as logging is set up now."""
    if not logger.isEnabledFor(logging.INFO):
        return _nowhere
    handlers = _handlers(logger)
    if len(handlers) == 1 and isinstance(handlers[0], LineHandler) and not logger.filters:
        return handlers[0].info_lines(logger.name)
    return lambda text: logger.info("%s", text)


def _nowhere(_text: str) -> None:
    return


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    found = list(logger.handlers)
    while logger.propagate and logger.parent is not None:
        logger = logger.parent
        found += logger.handlers
    return found
