"""The end of a process that cannot end in an orderly way.

A thread that waits for the write lock of LMDB, a stalled disk or a server that keeps silent cannot
be interrupted, and Python waits for some of them forever. What is under way is a transaction,
which is whole or not there at all: to cut it off loses nothing but work.
"""

import logging
import os
import threading
from typing import NoReturn


def end_within(seconds: float, log: logging.Logger, code: int = os.EX_OK) -> None:
    """End this process after so many seconds, with a code, unless it has ended by then."""
    timer = threading.Timer(seconds, end_now, (log, f"after {seconds:g} s", code))
    timer.daemon = True
    timer.start()


def end_now(log: logging.Logger, when: str, code: int) -> NoReturn:
    """End this process, whatever its threads do."""
    log.warning("ended %s in the midst of what could not be interrupted", when)
    logging.shutdown()
    os._exit(code)
