"""A daemon of several processes: workers that share a listening socket, and are replaced when they
die.

The parent forks the workers and whatever helps them, and then only waits for signals and feels
the workers' heartbeat. It never touches the store: an LMDB environment must not be carried across
fork(2).
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import Settings
from bouncegate.daemon.child import Child
from bouncegate.daemon.counters import Name, Row, Scoreboard
from bouncegate.daemon.heartbeat import DRAIN, Heartbeat
from bouncegate.daemon.trial import STOP, Unfinished, is_stopping, try_out

_RELOAD: Final = signal.SIGHUP
_WATCHED: Final = STOP | {signal.SIGCHLD, _RELOAD}
_WAKE_INTERVAL: Final = 0.05
# How often the heartbeats are checked.
_TICK: Final = 1.0


@dataclass(frozen=True)
class Timeouts:
    """How long the supervisor waits, in seconds."""

    silence: float = 30.0
    """For a sign of life of a worker, before it is killed."""
    drain_timeout: float = 300.0
    """For the sessions that were open at a reload, before they are closed."""
    trial: float = 20.0
    """For what is tried out before a reload."""
    grace: float = 4.0
    """For the children after SIGTERM, before they are killed."""


def _nothing() -> None:
    pass


class WorkerContext(NamedTuple):
    """What a worker has in common with other processes; made before the fork."""

    number: int
    """Tells the workers apart: 0 for the first, and so on."""
    row: Row | None
    """Where to count, if anybody asks for figures."""
    heartbeat: Heartbeat
    """To be beaten once a second."""
    drain_timeout: float
    """How many seconds sessions have after the request to retire."""


Worker = Callable[[WorkerContext, Callable[[], None]], int]
"""What a worker does until SIGTERM, or until its last session has ended after DRAIN; it calls
what it is given when it is ready, and tells its exit code."""


class Plan(NamedTuple):
    """What the children of a daemon do by some settings."""

    settings: Settings
    workers: int
    worker: Worker
    words: str
    """The settings that matter most, for the log."""
    helpers: tuple[Child, ...] = ()
    """Children that are there once, whatever the number of workers."""
    trial: Callable[[], object] = _nothing
    """Sees whether a worker can begin by the settings, and leaves nothing open.

    It may take long, and raises the refusals of the daemon.
    """


@dataclass(frozen=True)
class Daemon:
    """What tells one daemon from another."""

    name: str
    figures: Sequence[Name]
    """What a worker counts, where somebody asks for figures."""
    load: Callable[[], Settings]
    """The settings anew, at a reload."""
    plan: Callable[[Settings, Settings | None], Plan]
    """What is to be done by settings; the second ones are those in force, if any are."""
    refusals: tuple[type[Exception], ...]
    """What `plan` and its trial raise, besides ConfigError, if the settings are of no use."""
    wake: Callable[[], None] = _nothing
    """Lets a worker that sleeps look whether it shall end."""
    last_call: signal.Signals = signal.SIGTERM
    """Ends a worker that has retired, when the daemon stops."""


@contextmanager
def signals_held() -> Iterator[None]:
    """Keep the signals that a supervisor waits for until it asks for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Supervisor:
    """Keeps the children of a daemon."""

    def __init__(
        self,
        daemon: Daemon,
        plan: Plan,
        tell: Callable[[str], None],
        patience: Timeouts,
    ) -> None:
        """Nothing is started yet; `tell` tells the service manager, in the words of sd_notify(3).

        To be used within `signals_held`.
        """
        self._daemon = daemon
        self._log = logging.getLogger(f"bouncegate.{daemon.name}")
        self._tell = tell
        self._patience = patience
        self._plan = plan
        self._board: Scoreboard | None = None
        self._workers = self._workers_for(plan)
        self._helpers = list(plan.helpers)
        self._retired: list[Child] = []
        self._felt = time.monotonic()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code."""
        try:
            self._start_all(self._places())
            self._tell("READY=1")
            self._log.info("started: %s", self._plan.words)
            self._watch()
        finally:
            self._tell("STOPPING=1")
            self._stop()
        return os.EX_OK

    def _places(self) -> list[Child]:
        """The children that are to be there, and so are started anew when they die."""
        return self._workers + self._helpers

    def _workers_for(self, plan: Plan) -> list[Child]:
        if self._board is None:
            metrics = plan.settings.metrics
            self._board = Scoreboard.open(metrics, self._daemon.name, self._daemon.figures)
        return [self._worker_for(plan, number) for number in range(plan.workers)]

    def _worker_for(self, plan: Plan, number: int) -> Child:
        post = WorkerContext(
            number, self._row_for(plan.settings), Heartbeat(), self._patience.drain_timeout
        )
        return Child("worker", partial(plan.worker, post), self._log, post.heartbeat, post.row)

    def _row_for(self, settings: Settings) -> Row | None:
        """Where a worker counts; None where nobody asks for figures."""
        if self._board is None or not settings.metrics.enabled:
            return None
        return self._board.row()

    def _give_back(self, place: Child) -> None:
        if self._board is not None and place.row is not None:
            self._board.give_back(place.row)

    def _start_all(self, places: Sequence[Child]) -> bool:
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
            if caught is not None and caught.si_signo in STOP:
                self._log.info("%s: stopping", signal.Signals(caught.si_signo).name)
                return
            if caught is not None and caught.si_signo == _RELOAD:
                self._reload()
            self._tell("WATCHDOG=1")
            self._feel_heartbeats()
            self._reap()
            now = time.monotonic()
            for place in self._places():
                if not place.pid and place.due <= now:
                    place.start()

    def _until_next(self) -> float:
        now = time.monotonic()
        due = (place.due - now for place in self._places() if not place.pid)
        return max(0.0, min((*due, _TICK)))

    def _feel_heartbeats(self) -> None:
        """Kill the workers that have stopped; what comes of it is the same as of any death."""
        now = time.monotonic()
        passed, self._felt = min(now - self._felt, 2 * _TICK), now
        for place in (*self._workers, *self._retired):
            if (silence := place.silent(passed)) > self._patience.silence:
                self._log.error(
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
            self._log.log(
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
                self._log.info("%s %d of the old settings ended (%s)", place.name, pid, ending)
                self._give_back(place)
        self._retired = [place for place in self._retired if place.pid]

    def _reload(self) -> None:
        """Take new settings, or say what is wrong with them and keep the old ones."""
        plan = self._new_plan()
        if plan is None:
            self._log.error("reload: the old settings stay in force")
            return
        workers = self._workers_for(plan)
        if not self._start_all(workers):
            for worker in workers:
                worker.kill()
                self._give_back(worker)
            self._log.error(
                "reload: not all workers can work by the new settings: the old stay in force"
            )
            return
        self._retire(self._workers)
        self._plan, self._workers = plan, workers
        self._renew_helpers(plan)
        self._log.info("reloaded: %s", plan.words)

    def _new_plan(self) -> Plan | None:
        try:
            plan = self._daemon.plan(self._daemon.load(), self._plan.settings)
            try_out(plan.trial, self._patience.trial)
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("reload: %s", problem)
        except self._daemon.refusals as error:
            self._log.error("reload: %s", error)
        except Unfinished as error:
            self._log.error("reload: %s", error)
        else:
            return plan
        return None

    def _retire(self, places: Sequence[Child]) -> None:
        """Let workers end with the sessions that they have."""
        for place in places:
            place.ask(DRAIN)
        self._retired += [place for place in places if place.pid]

    def _renew_helpers(self, plan: Plan) -> None:
        """Let helpers with the new settings follow the old ones, each in the place of its name."""
        there = {place.name: place for place in self._helpers}
        for fresh in plan.helpers:
            if (place := there.get(fresh.name)) is None:
                self._helpers.append(fresh)
            else:
                place.task = fresh.task
                place.ask(signal.SIGTERM)

    def _stop(self) -> None:
        """End every child; the sessions that are still open are closed."""
        for place in self._retired:
            place.ask(self._daemon.last_call)
        for place in self._places():
            place.ask(signal.SIGTERM)
        deadline = time.monotonic() + self._patience.grace
        while self._still_running() and time.monotonic() < deadline:
            self._daemon.wake()
            time.sleep(_WAKE_INTERVAL)
        for place in self._still_running():
            self._log.warning(
                "process %d did not end within %.0f s: killed", place.pid, self._patience.grace
            )
            place.kill()

    def _still_running(self) -> list[Child]:
        children = (*self._places(), *self._retired)
        return [place for place in children if place.pid and not place.reap()]


def _octets(reader: int, patience: float) -> int:
    """How many come through a pipe until all its writers have let go of it, or time is up.

    No more are waited for where the daemon is to stop.
    """
    deadline, count = time.monotonic() + patience, 0
    while time.monotonic() < deadline and not is_stopping():
        if not select.select([reader], [], [], _WAKE_INTERVAL)[0]:
            continue
        if not (octets := os.read(reader, 64)):
            break
        count += len(octets)
    return count
