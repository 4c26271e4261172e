"""Logs when a worker has no file descriptor left for another session.

libmilter tells syslog(3) alone that accept(2) fails, and tries again. The sessions that it has go
on; new ones wait until Postfix gives up and does what its `default_action` says.
"""

import errno
import os
import resource
from typing import Final

from bouncegate.daemon.ratelimitedlog import RateLimitedLog

_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE)
_NO_QUEUE_ID: Final = "NOQUEUE"


class Descriptors:
    """The descriptors of one worker."""

    def __init__(self) -> None:
        self._error_log = RateLimitedLog("by Postfix's default_action", step="CONNECT")

    def look(self) -> None:
        """Try to get one more; to be called about once a second. It takes some microseconds."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                return
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            text = f"{error.strerror} (of {limit}): raise LimitNOFILE in the unit (systemctl edit)"
            self._error_log.log(_NO_QUEUE_ID, OSError(error.errno, text), expected=True)
