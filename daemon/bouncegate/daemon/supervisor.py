"""A daemon of several processes: workers that share a listening socket, and are replaced when they
die.

The parent forks the workers and whatever helps them, and then only waits for signals and looks at
the workers' heartbeats on the scoreboard. It never touches the store: an LMDB environment must not
be carried across fork(2).

SIGHUP takes new settings and, where the installed code is not that which runs, that code as well
(`reexec`); SIGUSR2 does so in any case. What was started before then ends as at any reload, with
the sessions that it has.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from bouncegate.config.problems import ConfigError
from bouncegate.daemon import reexec, status
from bouncegate.daemon.child import DRAIN, Child, no_task
from bouncegate.daemon.childcall import STOP, Unfinished, call_in_child, is_stopping
from bouncegate.daemon.plan import Daemon, Plan, Timeouts, WorkerContext
from bouncegate.daemon.readiness import start_together
from bouncegate.daemon.reexec import Inheritance, InheritedChild, handed_over
from bouncegate.daemon.runningcode import RunningCode
from bouncegate.daemon.scoreboard import Row, Scoreboard

_RELOAD: Final = signal.SIGHUP
_REEXECUTE: Final = signal.SIGUSR2
_WATCHED: Final = STOP | {signal.SIGCHLD, _RELOAD, _REEXECUTE}
_WAKE_INTERVAL: Final = 0.05
# How often the heartbeats are looked at.
_TICK: Final = 1.0
# For how long a reload waits until the old workers take no connections any more, which takes
# milliseconds, and how often it looks.
_SECONDS_TO_LEAVE: Final = 2.0
_LOOK_INTERVAL: Final = 0.002


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
        notify: Callable[[str], None],
        timeouts: Timeouts,
        inherited: Inheritance | None = None,
    ) -> None:
        """Nothing is started yet; `notify` tells the service manager, in the words of sd_notify(3).

        `inherited` is what the program before has left in this process. To be used within
        `signals_held`.
        """
        self._daemon = daemon
        self._log = logging.getLogger(f"bouncegate.{daemon.name}")
        self._notify = notify
        self._timeouts = timeouts
        self._plan = plan
        self._code = RunningCode()
        self._refused = ""
        """What systemctl(1) shows where the installed code could not start."""
        self._is_first = inherited is None
        self._helpers = list(plan.helpers)
        self._draining: list[Child] = []
        self._old_helpers: list[Child] = []
        """Helpers of the program before: they end when its workers have."""
        if inherited is None:
            self._board = self._board_for(plan, None)
            self._workers = self._workers_with(self._board.take(plan.workers), plan)
        else:
            self._adopt(inherited)
        self._checked = time.monotonic()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code."""
        try:
            self._begin()
            self._watch()
        finally:
            self._notify("STOPPING=1")
            self._stop()
        return os.EX_OK

    def _begin(self) -> None:
        if self._is_first:
            self._start_all(self._children())
            self._log.info("started: %s", self._status())
        elif self._renew_workers(self._plan, "code"):
            self._log.info("reloaded: %s", self._status())
        else:
            self._refused = "its workers cannot start: those of the old code go on"
        self._notify_ready()

    def _notify_ready(self) -> None:
        self._notify(status.ready(self._status(), self._refused))

    def _status(self) -> str:
        return status.described(self._plan.status)

    def _adopt(self, inherited: Inheritance) -> None:
        """Take the children of the program before for ours, until there are others."""
        self._board = Scoreboard(inherited.board, self._daemon.figures)
        old = list(inherited.of("worker"))
        workers = self._workers_with([self._board.row_at(child.row) for child in old], self._plan)
        self._workers = [c.put_into(worker) for c, worker in zip(old, workers, strict=True)]
        self._draining = [self._inherited_child(child) for child in inherited.of("retired")]
        self._old_helpers = [self._inherited_child(child) for child in inherited.of("helper")]

    def _inherited_child(self, child: InheritedChild) -> Child:
        """A child of the program before that gets no successor."""
        row = self._board.row_at(child.row)
        return child.put_into(Child(child.name, no_task, self._log, row))

    def _children(self) -> list[Child]:
        """The children that are replaced when they die."""
        return self._workers + self._helpers

    def _board_for(self, plan: Plan, there: Scoreboard | None) -> Scoreboard:
        daemon = self._daemon
        return Scoreboard.of(plan.settings.metrics, daemon.name, daemon.figures, there)

    def _workers_with(self, rows: Sequence[Row | None], plan: Plan) -> list[Child]:
        """Workers, not started."""

        def work(number: int, on_ready: Callable[[], None]) -> int:
            shown = [worker.row for worker in workers if worker.row is not None]
            own = workers[number].row
            assert own is not None
            context = WorkerContext(number, own, shown, self._timeouts.drain_timeout)
            return plan.worker(context, on_ready)

        workers = [
            Child("worker", partial(work, number), self._log, row)
            for number, row in enumerate(rows)
        ]
        return workers

    def _start_all(self, children: Sequence[Child]) -> bool:
        """Start children; whether each is ready, and none has died or taken too long."""
        are_ready = start_together(children, self._timeouts.heartbeat)
        self._checked = time.monotonic()
        return are_ready

    def _watch(self) -> None:
        while True:
            caught = signal.sigtimedwait(_WATCHED, self._until_next())
            if caught is not None and caught.si_signo in STOP:
                self._log.info("%s: stopping", signal.Signals(caught.si_signo).name)
                return
            if caught is not None and caught.si_signo == _RELOAD:
                self._reload()
            if caught is not None and caught.si_signo == _REEXECUTE:
                self._reload("as SIGUSR2 asks for")
            self._notify("WATCHDOG=1")
            self._check_heartbeats()
            self._reap()
            now = time.monotonic()
            for child in self._children():
                if not child.pid and child.due <= now:
                    child.start()

    def _until_next(self) -> float:
        now = time.monotonic()
        due = (child.due - now for child in self._children() if not child.pid)
        return max(0.0, min((*due, _TICK)))

    def _check_heartbeats(self) -> None:
        """Kill the workers that have stopped; what comes of it is the same as of any death."""
        now = time.monotonic()
        passed, self._checked = min(now - self._checked, 2 * _TICK), now
        for child in (*self._workers, *self._draining):
            if (silence := child.silent(passed)) > self._timeouts.heartbeat:
                self._log.error(
                    "%s %d has shown no sign of life for %.0f s: killed",
                    child.name,
                    child.pid,
                    silence,
                )
                os.kill(child.pid, signal.SIGKILL)

    def _reap(self) -> None:
        for child in self._children():
            pid = child.pid
            if not (ending := child.reap()):
                continue
            if child.row is not None:
                child.row.release()
                (child.row,) = self._board.take(1)
            lived = time.monotonic() - child.since
            delay = 0.0 if child.leaves else child.backoff.after(lived)
            child.due = time.monotonic() + delay
            self._log.log(
                logging.INFO if child.leaves else logging.WARNING,
                "%s %d ended (%s) after %.0f s: the next one starts %s",
                child.name,
                pid,
                ending,
                lived,
                f"in {delay:.0f} s" if delay else "now",
            )
        for child in self._draining:
            pid = child.pid
            if ending := child.reap():
                self._log.info("%s %d of the old settings ended (%s)", child.name, pid, ending)
                _release_row(child)
        self._draining = [child for child in self._draining if child.pid]
        self._reap_old_helpers()

    def _reap_old_helpers(self) -> None:
        """See the helpers of the program before off, once its workers have ended."""
        is_needed = any(child.is_inherited for child in (*self._workers, *self._draining))
        for child in self._old_helpers:
            pid = child.pid
            if ending := child.reap():
                level = logging.INFO if child.leaves else logging.WARNING
                self._log.log(level, "%s %d of the old code ended (%s)", child.name, pid, ending)
            elif not is_needed and not child.leaves:
                child.ask(signal.SIGTERM)
        self._old_helpers = [child for child in self._old_helpers if child.pid]

    def _reload(self, why: str = "") -> None:
        """Take new settings, and new code if there is any or a reason `why` to take it."""
        self._notify(status.reloading())
        self._refused = ""
        replaced = self._code.replaced()
        if why or replaced is not None:
            self._reexecute(why or f"{replaced} is not what it was at the start")
        else:
            self._take_settings()
        self._notify_ready()

    def _reexecute(self, why: str) -> None:
        """Go on with the installed code, or say what is wrong with it and go on as before."""
        self._refused = reexec.trouble(self._timeouts.check, self._log)
        if self._refused:
            return
        self._log.info("reload: executing the installed code (%s)", why)
        try:
            reexec.execute(self._inheritance())
        except OSError as error:
            self._log.error("reload: execve: %s: the old code stays in force", error.strerror)

    def _inheritance(self) -> Inheritance:
        daemon, board = self._daemon, self._board
        left = (
            *handed_over("worker", self._workers, board),
            *handed_over("retired", self._draining, board),
            *handed_over("helper", [*self._helpers, *self._old_helpers], board),
        )
        at = str(daemon.endpoint)
        return Inheritance(os.getpid(), daemon.listener(), at, board.descriptor, left)

    def _take_settings(self) -> None:
        """Take new settings, or say what is wrong with them and keep the old ones."""
        plan = self._new_plan()
        if plan is None:
            self._log.error("reload: the old settings stay in force")
            return
        if not self._renew_workers(plan, "settings"):
            return
        self._plan = plan
        self._renew_helpers(plan)
        self._log.info("reloaded: %s", self._status())

    def _renew_workers(self, plan: Plan, by: str) -> bool:
        """Let workers by new settings or code replace the others; False if they cannot."""
        board = self._board_for(plan, self._board)
        try:
            workers = self._workers_with(board.take(plan.workers), plan)
        except OSError as error:
            self._log.error("reload: no memory for the workers' scoreboard: %s", error.strerror)
            return False
        if not self._start_all(workers):
            for worker in workers:
                worker.kill()
                worker.retire()
                _release_row(worker)
            if not is_stopping():
                text = "reload: not all workers can work by the new %s: those of the old go on"
                self._log.error(text, by)
            return False
        self._drain(self._workers)
        self._workers, self._board = workers, board
        return True

    def _new_plan(self) -> Plan | None:
        try:
            plan = self._daemon.plan(self._daemon.load(), self._plan.settings)
            call_in_child(plan.check, self._timeouts.check)
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

    def _drain(self, children: Sequence[Child]) -> None:
        """Let workers end with the sessions that they have."""
        for child in children:
            child.ask(DRAIN)
            child.retire()
            if not child.pid:
                _release_row(child)
        left = [child for child in children if child.pid]
        self._draining += left
        # "reloaded" promises that new sessions are served by the new settings. A worker of a
        # version that does not show when it has left the socket has left it by then, too.
        deadline = time.monotonic() + _SECONDS_TO_LEAVE
        while not all(child.has_left_socket for child in left) and time.monotonic() < deadline:
            time.sleep(_LOOK_INTERVAL)

    def _renew_helpers(self, plan: Plan) -> None:
        """Let helpers with the new settings follow the old ones, each in the child of its name."""
        there = {child.name: child for child in self._helpers}
        for fresh in plan.helpers:
            if (child := there.get(fresh.name)) is None:
                self._helpers.append(fresh)
            else:
                child.task = fresh.task
                child.ask(signal.SIGTERM)

    def _stop(self) -> None:
        """End every child; the sessions that are still open are closed."""
        for child in self._draining:
            child.ask(self._daemon.final_signal)
        for child in (*self._children(), *self._old_helpers):
            child.ask(signal.SIGTERM)
        deadline = time.monotonic() + self._timeouts.grace
        while self._still_running() and time.monotonic() < deadline:
            self._daemon.wake()
            time.sleep(_WAKE_INTERVAL)
        for child in self._still_running():
            self._log.warning(
                "process %d did not end within %.0f s: killed", child.pid, self._timeouts.grace
            )
            child.kill()

    def _still_running(self) -> list[Child]:
        everyone = (*self._children(), *self._draining, *self._old_helpers)
        return [child for child in everyone if child.pid and not child.reap()]


def _release_row(child: Child) -> None:
    """Let another worker have the row of a child that has ended."""
    if child.row is not None:
        child.row.release()
        child.row = None
