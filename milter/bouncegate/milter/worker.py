"""One worker: a process of its own with a lock table of its own on the shared socket."""

import ctypes
import logging
import os
import signal
from collections.abc import Callable
from typing import Final

import milter

from bouncegate.config.settings import Settings
from bouncegate.milter.latetable import LateTable
from bouncegate.milter.rcpt import Find, RcptStep, answer_on_error
from bouncegate.milter.steps import Steps
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.locktable import LockTable

_LOG: Final = logging.getLogger("bouncegate.milter")
NAME: Final = "bouncegate"
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>


def work(settings: Settings, parent: int, on_ready: Callable[[], None]) -> int:
    """Serve until SIGTERM, in a process forked by `parent`; the exit code."""
    if not _die_with(parent):
        return os.EX_OK
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        find = _open(settings)
    except StoreError as error:
        _LOG.error("%s", error)
        return error.exit_code
    milter.set_exception_policy(answer_on_error(settings))
    Steps(RcptStep(settings, find), settings.milter.socket).register(NAME)
    on_ready()
    milter.main()
    return os.EX_OK


def _open(settings: Settings) -> Find:
    try:
        return LockTable.open(settings.store).find
    except StoreMissing as error:
        return LateTable(settings.store, error).find


def _die_with(parent: int) -> bool:
    """Let the kernel end this process with its parent, unless that has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent
