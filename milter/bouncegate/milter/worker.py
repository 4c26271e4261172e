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


def work(settings: Settings, place: int, parent: int, on_ready: Callable[[], None]) -> int:
    """Serve until SIGTERM, in a process forked by `parent`; the exit code.

    `place` tells the workers apart: 0 for the first, and so on.
    """
    if not _die_with(parent):
        return os.EX_OK
    _keep_to_one_core(place, settings.milter.processes)
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


def _keep_to_one_core(place: int, workers: int) -> None:
    """Give each worker a core of its own, if there are enough.

    Only one thread of a worker can hold the interpreter's lock. Spread over the cores, its
    threads spend their time in handing the lock over: with 8 connections and 50 recipients a
    message, two workers answered 40,000 recipients a second, and 69,000 each on its own core.
    """
    cores = sorted(os.sched_getaffinity(0))
    if 1 < workers <= len(cores):
        os.sched_setaffinity(0, {cores[place]})


def _die_with(parent: int) -> bool:
    """Let the kernel end this process with its parent, unless that has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent
