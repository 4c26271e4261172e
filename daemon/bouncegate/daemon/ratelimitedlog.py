"""A log of errors that repeat: the first at once, then one line a minute with a count.

A broken store fails every recipient alike, thousands a second; the log must say so without
drowning in it.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from bouncegate.daemon.wire import for_log

INTERVAL: Final = 60.0


class RateLimitedLog:
    """What went wrong lately, by the type of the exception."""

    def __init__(
        self,
        answer: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        daemon: str = "milter",
        step: str = "RCPT",
    ) -> None:
        """`answer` is what the recipients are answered, and `step` what they were asked in.

        Both are for the log of `daemon`; `clock` tells seconds.
        """
        self._answer = answer
        self._step = step
        self._logger = logging.getLogger(f"bouncegate.{daemon}")
        self._clock = clock
        self._lock = threading.Lock()
        self._silent: dict[type[Exception], tuple[float, int]] = {}

    def log(self, queue_id: str, error: Exception, *, expected: bool) -> None:
        """Log an error, or count it if one of its type was logged within the interval.

        What is not `expected` is a fault of the program: it is logged with its traceback.
        """
        with self._lock:
            now = self._clock()
            since, count = self._silent.get(type(error), (now - INTERVAL, 0))
            if now - since < INTERVAL:
                self._silent[type(error)] = since, count + 1
                return
            self._silent[type(error)] = now, 0
        more = f" ({count} more since the last such line)" if count else ""
        self._logger.error(
            "%s: error: %s: %s: %s; answered: %s%s",
            for_log(queue_id),
            self._step,
            type(error).__name__,
            for_log(str(error), 512),
            self._answer,
            more,
            exc_info=None if expected else error,
        )
