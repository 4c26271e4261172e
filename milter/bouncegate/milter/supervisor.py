"""The milter daemon: one listening socket, several workers, each replaced when it dies.

The parent opens the socket, forks the workers and, where a ledger is kept, the scribe, and then
only waits for signals. It never touches the store: an LMDB environment must not be carried
across fork(2).
"""

import ctypes
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import milter

from bouncegate.config.settings import Settings
from bouncegate.milter.backoff import Backoff
from bouncegate.milter.listener import Listener
from bouncegate.milter.scribe import Line, write_ledger
from bouncegate.milter.worker import NAME, work
from bouncegate.provenance.keys import KEY_FILE, KeyFile
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.locktable import LockTable

_LOG: Final = logging.getLogger("bouncegate.milter")
_STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_WATCHED: Final = _STOP | {signal.SIGCHLD}
# systemd and administrators expect the daemon to be gone within 6 s of SIGTERM.
_GRACE: Final = 4.0
_WAKE_INTERVAL: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>

Task = Callable[[Callable[[], None]], int]
"""What a child does until SIGTERM; it calls what it is given when it is ready, and tells its
exit code."""


@dataclass(slots=True)
class _Place:
    """A child's place, which a successor takes when the child dies."""

    name: str
    task: Task
    pid: int = 0
    since: float = 0.0
    due: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)


def serve(settings: Settings, on_ready: Callable[[], None]) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit code.

    `on_ready` is called once, when mail is being filtered. Raises MilterError, StoreError or
    KeyFileError for what an operator has to mend before the daemon can start.
    """
    _look_at_store(settings)
    if settings.return_path.domain:
        KeyFile(settings.store.path / KEY_FILE, int(time.time()))
    listener = Listener(settings.milter.socket)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        milter.set_flags(milter.SETSYMLIST)
        milter.register(NAME)
        with listener.opened():
            return _Supervisor(settings, listener).run(on_ready)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Supervisor:
    def __init__(self, settings: Settings, listener: Listener) -> None:
        self._settings = settings
        self._listener = listener
        line = Line() if settings.keeps_ledger else None
        workers = range(settings.milter.processes)
        self._places = [_Place("worker", _worker(settings, n, line)) for n in workers]
        if line is not None:
            self._places.append(_Place("scribe", _scribe(settings, line)))

    def run(self, on_ready: Callable[[], None]) -> int:
        try:
            self._start_all()
            on_ready()
            _LOG.info(
                "started: %d workers on %s, mode %s, on_error %s",
                self._settings.milter.processes,
                self._settings.milter.socket,
                self._settings.milter.mode,
                self._settings.milter.on_error,
            )
            self._watch()
        finally:
            self._stop()
        return os.EX_OK

    def _start_all(self) -> None:
        """Start every child; return when each is ready or dead."""
        reader, writer = os.pipe()

        def release() -> None:
            os.close(reader)
            os.close(writer)

        for place in self._places:
            self._start(place, release)
        os.close(writer)
        os.read(reader, 1)  # ends when the last child has let go of its end
        os.close(reader)

    def _start(self, place: _Place, on_ready: Callable[[], None] = lambda: None) -> None:
        parent = os.getpid()
        place.pid, place.since = os.fork(), time.monotonic()
        if place.pid == 0:
            _be_child(place, parent, on_ready)

    def _watch(self) -> None:
        while True:
            caught = signal.sigtimedwait(_WATCHED, self._patience())
            if caught is not None and caught.si_signo in _STOP:
                _LOG.info("%s: stopping", signal.Signals(caught.si_signo).name)
                return
            self._reap()
            now = time.monotonic()
            for place in self._places:
                if not place.pid and place.due <= now:
                    self._start(place)

    def _patience(self) -> float:
        now = time.monotonic()
        return max(0.0, min((p.due - now for p in self._places if not p.pid), default=3600.0))

    def _reap(self) -> None:
        for place in self._places:
            if place.pid and (ending := _ending_of(place.pid)):
                lived = time.monotonic() - place.since
                delay = place.backoff.after(lived)
                place.due = time.monotonic() + delay
                _LOG.warning(
                    "%s %d ended (%s) after %.0f s: the next one starts %s",
                    place.name,
                    place.pid,
                    ending,
                    lived,
                    f"in {delay:.0f} s" if delay else "now",
                )
                place.pid = 0

    def _stop(self) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while self._still_running() and time.monotonic() < deadline:
            self._listener.wake()
            time.sleep(_WAKE_INTERVAL)
        for pid in self._still_running():
            _LOG.warning("process %d did not end within %.0f s: killed", pid, _GRACE)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _still_running(self) -> list[int]:
        for place in self._places:
            if place.pid and _ending_of(place.pid):
                place.pid = 0
        return [place.pid for place in self._places if place.pid]


def _worker(settings: Settings, number: int, line: Line | None) -> Task:
    return lambda on_ready: work(settings, number, line, on_ready)


def _scribe(settings: Settings, line: Line) -> Task:
    def task(on_ready: Callable[[], None]) -> int:
        on_ready()
        try:
            write_ledger(settings, line)
        except StoreError as error:
            _LOG.error("%s", error)
            return error.exit_code
        return os.EX_OK

    return task


def _be_child(place: _Place, parent: int, on_ready: Callable[[], None]) -> None:
    """Do a child's task after the fork and end it without returning to the parent's code."""
    code = os.EX_SOFTWARE
    try:
        code = place.task(on_ready) if _die_with(parent) else os.EX_OK
    except Exception:  # noqa: BLE001 - whatever it was, it must not run on as a second parent
        _LOG.exception("%s %d failed", place.name, os.getpid())
    finally:
        logging.shutdown()
        os._exit(code)


def _die_with(parent: int) -> bool:
    """Take signals as any process does, and let the kernel end this one with its parent.

    False if the parent has ended already.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent


def _ending_of(pid: int) -> str:
    """How a child ended, in words; empty while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return ""
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _look_at_store(settings: Settings) -> None:
    """Refuse to start on a store that cannot be used, and warn if there is none yet.

    It is closed again before any fork. Raises StoreError.
    """
    try:
        LockTable.open(settings.store).close()
    except StoreMissing as error:
        _LOG.warning(
            "%s; until then every recipient is answered: %s", error, settings.milter.on_error
        )
