"""A child process of the supervisor: started, watched, ended and replaced."""

import ctypes
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bouncegate.daemon.backoff import Backoff
from bouncegate.daemon.scoreboard import Row

DRAIN: Final = signal.SIGUSR1
"""Take no more connections and end with the last session; a child begins with it blocked."""

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>

Task = Callable[[Callable[[], None]], int]
"""What a child does until SIGTERM; it calls what it is given when it is ready, and tells its
exit code."""


def _nothing() -> None:
    pass


def no_task(_on_ready: Callable[[], None]) -> int:
    """What a child does that is not started again when it has ended."""
    return os.EX_SOFTWARE


@dataclass(slots=True)
class Child:
    """A child process, and its successors after it dies."""

    name: str
    task: Task
    log: logging.Logger
    row: Row | None = None
    """What the child shows of itself; None: it is not watched."""
    pid: int = 0
    since: float = 0.0
    due: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)
    leaves: bool = False
    """It was asked to end: its successor, if it is to have one, begins at once."""
    is_inherited: bool = False
    """The child was started by the program before (`reexec`)."""
    _heard: int = 0
    _silence: float = 0.0

    def start(self, on_ready: Callable[[], None] = _nothing) -> None:
        """Fork a child that does the task; `on_ready` is what it calls when it is ready."""
        parent = os.getpid()
        self.leaves, self.is_inherited, self._silence = False, False, 0.0
        self.pid, self.since = os.fork(), time.monotonic()
        if self.pid == 0:
            self._be_child(parent, on_ready)

    def ask(self, number: signal.Signals) -> None:
        """Ask the child, if there is one, to end."""
        self.leaves = True
        if self.pid:
            os.kill(self.pid, number)

    def retire(self) -> None:
        """Get no successor, and let go of what it would have worked by.

        The tasks of workers know each other's rows, and so hold each other: without this, the old
        rules (3 MB) stay for as many reloads as it takes until the garbage is collected.
        """
        self.task = no_task

    @property
    def has_left_socket(self) -> bool:
        """Whether the child takes no connections any more, because it shows so or has ended."""
        if not self.pid or (self.row is not None and self.row.has_left_socket):
            return True
        # It stays to be reaped, by whom that concerns.
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, look) is not None

    def silent(self, passed: float) -> float:
        """For how long nothing was heard, of which `passed` seconds since the last question.

        Only time during which the supervisor was awake to ask is counted: where the whole
        machine was stopped, the worker is not to blame.
        """
        if self.row is None or not self.pid:
            return 0.0
        heard = self.row.beats
        self._silence = self._silence + passed if heard == self._heard else 0.0
        self._heard = heard
        return self._silence

    def reap(self) -> str:
        """How the child ended, in words; empty while it runs or was not started."""
        if not self.pid:
            return ""
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        if not ended:
            return ""
        self.pid = 0
        code = os.waitstatus_to_exitcode(status)
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """End the child, if there is one, now, whatever it does."""
        if not self.pid:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0

    def _be_child(self, parent: int, on_ready: Callable[[], None]) -> None:
        """Do the task after the fork and end without returning to the parent's code."""
        code = os.EX_SOFTWARE
        try:
            code = self.task(on_ready) if die_with(parent) else os.EX_OK
        except Exception:
            self.log.exception("%s %d failed", self.name, os.getpid())
        finally:
            logging.shutdown()
            os._exit(code)


def die_with(parent: int) -> bool:
    """Take signals as any process does, and let the kernel end this one with its parent.

    False if the parent has ended already.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # The supervisor's alone: who sends it to the whole daemon means that.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, {DRAIN})
    return end_with(parent)


def end_with(parent: int) -> bool:
    """Let the kernel end this process with its parent; False if that has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent
