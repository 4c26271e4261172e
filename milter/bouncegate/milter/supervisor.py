"""The milter daemon: one listening socket, several workers, each replaced when it dies.

The parent opens the socket, forks the workers and, where a ledger is kept, the scribe, and then
only waits for signals and listens for the workers' pulse. It never touches the store: an LMDB
environment must not be carried across fork(2).
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import milter
from msgspec.structs import replace

from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import Settings
from bouncegate.daemon.counters import Board, Row
from bouncegate.milter.counts import FIGURES
from bouncegate.milter.line import Line
from bouncegate.milter.listener import Listener
from bouncegate.milter.place import Place, Task
from bouncegate.milter.pulse import RETIRE, Pulse, keep
from bouncegate.milter.scribe import write_ledger
from bouncegate.milter.worker import NAME, Shared, work
from bouncegate.provenance.keys import KEY_FILE, KeyFile, KeyFileError
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.locktable import LockTable

_LOG: Final = logging.getLogger("bouncegate.milter")
_STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_RELOAD: Final = signal.SIGHUP
_WATCHED: Final = _STOP | {signal.SIGCHLD, _RELOAD}
# systemd and administrators expect the daemon to be gone within 6 s of SIGTERM.
_GRACE: Final = 4.0
_WAKE_INTERVAL: Final = 0.05
# How often the pulses are felt.
_TICK: Final = 1.0


@dataclass(frozen=True)
class Patience:
    """How long the supervisor waits, in seconds."""

    silence: float = 30.0
    """For a sign of life of a worker, before it is killed."""
    farewell: float = 300.0
    """For the sessions that were open at a reload, before they are closed."""


def serve(
    settings: Settings,
    on_ready: Callable[[], None],
    load: Callable[[], Settings] | None = None,
    patience: Patience = Patience(),
) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit code.

    `on_ready` is called once, when mail is being filtered. `load` gives, at SIGHUP, the settings
    anew, or raises ConfigError. Raises MilterError, StoreError or KeyFileError for what an
    operator has to mend before the daemon can start.
    """
    _look_at_store(settings)
    _look_at_keys(settings)
    listener = Listener(settings.milter.socket)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        milter.set_flags(milter.SETSYMLIST)
        milter.register(NAME)
        with listener.opened():
            return _Supervisor(settings, listener, load or (lambda: settings), patience).run(
                on_ready
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Supervisor:
    def __init__(
        self,
        settings: Settings,
        listener: Listener,
        load: Callable[[], Settings],
        patience: Patience,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._load = load
        self._patience = patience
        self._line: Line | None = None
        self._board: Board | None = None
        self._workers = self._workers_for(settings)
        self._scribe = self._scribe_for(settings)
        self._retired: list[Place] = []
        self._felt = time.monotonic()

    def run(self, on_ready: Callable[[], None]) -> int:
        try:
            self._start_all(self._places())
            on_ready()
            _LOG.info("started: %s", _in_words(self._settings))
            self._watch()
        finally:
            self._stop()
        return os.EX_OK

    def _places(self) -> list[Place]:
        """The children that are to be there, and so are started anew when they die."""
        return self._workers + ([self._scribe] if self._scribe else [])

    def _workers_for(self, settings: Settings) -> list[Place]:
        if settings.keeps_ledger and self._line is None:
            self._line = Line()
        line = self._line if settings.keeps_ledger else None
        if self._board is None:
            self._board = Board.open(settings.metrics, "milter", FIGURES)
        return [
            self._worker_for(settings, number, line) for number in range(settings.milter.processes)
        ]

    def _worker_for(self, settings: Settings, number: int, line: Line | None) -> Place:
        pulse, row = Pulse(), self._row_for(settings)
        keep_pulse = partial(keep, pulse, self._patience.farewell)
        task = partial(work, settings, Shared(number, line, row, keep_pulse))
        return Place("worker", task, pulse, row)

    def _row_for(self, settings: Settings) -> Row | None:
        """Where a worker counts; None where nobody asks for figures."""
        if self._board is None or not settings.metrics.enabled:
            return None
        return self._board.row()

    def _give_back(self, place: Place) -> None:
        if self._board is not None and place.row is not None:
            self._board.give_back(place.row)

    def _scribe_for(self, settings: Settings) -> Place | None:
        if not settings.keeps_ledger or self._line is None:
            return None
        return Place("scribe", _scribe(settings, self._line))

    def _start_all(self, places: Sequence[Place]) -> bool:
        """Start children; whether each is ready, and none has died or taken too long."""
        reader, writer = os.pipe()

        def release() -> None:
            os.write(writer, b".")
            os.close(reader)
            os.close(writer)

        for place in places:
            place.start(release)
        os.close(writer)
        ready = _octets(reader, self._patience.silence)
        os.close(reader)
        self._felt = time.monotonic()
        return ready == len(places)

    def _watch(self) -> None:
        while True:
            caught = signal.sigtimedwait(_WATCHED, self._until_next())
            if caught is not None and caught.si_signo in _STOP:
                _LOG.info("%s: stopping", signal.Signals(caught.si_signo).name)
                return
            if caught is not None and caught.si_signo == _RELOAD:
                self._reload()
            self._feel_pulses()
            self._reap()
            now = time.monotonic()
            for place in self._places():
                if not place.pid and place.due <= now:
                    place.start()

    def _until_next(self) -> float:
        now = time.monotonic()
        due = (place.due - now for place in self._places() if not place.pid)
        return max(0.0, min((*due, _TICK)))

    def _feel_pulses(self) -> None:
        """Kill the workers that have stopped; what comes of it is the same as of any death."""
        now = time.monotonic()
        passed, self._felt = min(now - self._felt, 2 * _TICK), now
        for place in (*self._workers, *self._retired):
            if (silence := place.silent(passed)) > self._patience.silence:
                _LOG.error(
                    "%s %d has shown no sign of life for %.0f s: killed",
                    place.name,
                    place.pid,
                    silence,
                )
                os.kill(place.pid, signal.SIGKILL)

    def _reap(self) -> None:
        for place in self._places():
            pid = place.pid
            if not (ending := place.reap()):
                continue
            lived = time.monotonic() - place.since
            delay = 0.0 if place.leaves else place.backoff.after(lived)
            place.due = time.monotonic() + delay
            _LOG.log(
                logging.INFO if place.leaves else logging.WARNING,
                "%s %d ended (%s) after %.0f s: the next one starts %s",
                place.name,
                pid,
                ending,
                lived,
                f"in {delay:.0f} s" if delay else "now",
            )
        for place in self._retired:
            pid = place.pid
            if ending := place.reap():
                _LOG.info("%s %d of the old settings ended (%s)", place.name, pid, ending)
                self._give_back(place)
        self._retired = [place for place in self._retired if place.pid]

    def _reload(self) -> None:
        """Take new settings, or say what is wrong with them and keep the old ones."""
        settings = self._new_settings()
        if settings is None:
            _LOG.error("reload: the old settings stay in force")
            return
        workers = self._workers_for(settings)
        if not self._start_all(workers):
            for worker in workers:
                worker.kill()
                self._give_back(worker)
            _LOG.error(
                "reload: not all workers can work by the new settings: the old stay in force"
            )
            return
        self._retire(self._workers)
        self._settings, self._workers = settings, workers
        self._renew_scribe(settings)
        _LOG.info("reloaded: %s", _in_words(settings))

    def _new_settings(self) -> Settings | None:
        try:
            settings = self._load()
            if settings.store != self._settings.store:
                _look_at_store(settings)
            _look_at_keys(settings)
        except ConfigError as error:
            for problem in error.problems:
                _LOG.error("reload: %s", problem)
            return None
        except (StoreError, KeyFileError) as error:
            _LOG.error("reload: %s", error)
            return None
        socket = self._settings.milter.socket
        if settings.milter.socket == socket:
            return settings
        _LOG.warning(
            "reload: [milter] socket is now %s: that needs a restart, until then %s is kept",
            settings.milter.socket,
            socket,
        )
        return replace(settings, milter=replace(settings.milter, socket=socket))

    def _retire(self, places: Sequence[Place]) -> None:
        """Let workers end with the sessions that they have."""
        for place in places:
            place.ask(RETIRE)
        self._retired += [place for place in places if place.pid]

    def _renew_scribe(self, settings: Settings) -> None:
        """Let a scribe with the new settings follow the old one.

        What workers hand over meanwhile waits in the line, from which both take.
        """
        fresh = self._scribe_for(settings)
        if self._scribe is None:
            self._scribe = fresh
        elif fresh is not None:
            self._scribe.task = fresh.task
            self._scribe.ask(signal.SIGTERM)

    def _stop(self) -> None:
        """End every child; the sessions that are still open are closed."""
        for place in self._retired:
            place.kill()
        for place in self._places():
            place.ask(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while self._still_running() and time.monotonic() < deadline:
            self._listener.wake()
            time.sleep(_WAKE_INTERVAL)
        for place in self._still_running():
            _LOG.warning("process %d did not end within %.0f s: killed", place.pid, _GRACE)
            place.kill()

    def _still_running(self) -> list[Place]:
        return [place for place in self._places() if place.pid and not place.reap()]


def _octets(reader: int, patience: float) -> int:
    """How many come through a pipe until all its writers have let go of it, or time is up."""
    deadline, count = time.monotonic() + patience, 0
    while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not (octets := os.read(reader, 64)):
            break
        count += len(octets)
    return count


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


def _in_words(settings: Settings) -> str:
    own = settings.milter
    return f"{own.processes} workers on {own.socket}, mode {own.mode}, on_error {own.on_error}"


def _look_at_store(settings: Settings) -> None:
    """Refuse a store that cannot be used, and warn if there is none yet.

    It is closed again before any fork. Raises StoreError.
    """
    try:
        LockTable.open(settings.store).close()
    except StoreMissing as error:
        _LOG.warning(
            "%s; until then every recipient is answered: %s", error, settings.milter.on_error
        )


def _look_at_keys(settings: Settings) -> None:
    """Refuse keys that cannot be used; raises KeyFileError."""
    if settings.return_path.domain:
        KeyFile(settings.store.path / KEY_FILE, int(time.time()))
