"""The input of a supervisor: timeouts, what the children do, and what differs between daemons."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bouncegate.config.endpoints import Endpoint
from bouncegate.config.settings import Settings
from bouncegate.daemon.child import Child
from bouncegate.daemon.scoreboard import Name, Row


@dataclass(frozen=True)
class Timeouts:
    """How long the supervisor waits, in seconds."""

    heartbeat: float = 30.0
    """For a sign of life of a worker, before it is killed."""
    drain_timeout: float = 300.0
    """For the sessions that were open at a reload, before they are closed."""
    check: float = 20.0
    """For what is tried out before a reload."""
    grace: float = 4.0
    """For the children after SIGTERM, before they are killed."""


def _nothing() -> None:
    pass


class WorkerContext(NamedTuple):
    """What a worker has in common with other processes; made before the fork."""

    number: int
    """Tells the workers apart: 0 for the first, and so on."""
    row: Row
    """What the worker shows of itself; its heart is to beat once a second."""
    workers: Sequence[Row]
    """The rows of all workers that share its work, with its own."""
    drain_timeout: float
    """Seconds until open sessions are closed after DRAIN."""


Worker = Callable[[WorkerContext, Callable[[], None]], int]
"""What a worker does until SIGTERM, or until its last session has ended after DRAIN; it calls
what it is given when it is ready, and tells its exit code."""


class Plan(NamedTuple):
    """What the children of a daemon do by some settings."""

    settings: Settings
    workers: int
    worker: Worker
    status: str
    """The settings that matter most, for the log."""
    helpers: tuple[Child, ...] = ()
    """Children that are there once, whatever the number of workers."""
    check: Callable[[], object] = _nothing
    """Checks that a worker can start with the settings, and leaves nothing open.

    It may take long, and raises the refusals of the daemon.
    """


@dataclass(frozen=True)
class Daemon:
    """What differs between daemons."""

    name: str
    figures: Sequence[Name]
    """What a worker counts."""
    load: Callable[[], Settings]
    """Reads the settings again, at a reload."""
    plan: Callable[[Settings, Settings | None], Plan]
    """What is to be done by settings; the second ones are those in force, if any are."""
    refusals: tuple[type[Exception], ...]
    """What `plan` and its check raise, besides ConfigError, for settings that cannot be used."""
    endpoint: Endpoint
    """Where it listens."""
    listener: Callable[[], int]
    """The descriptor of the listening socket."""
    wake: Callable[[], object] = _nothing
    """Wakes a worker that waits in accept(2), so that it sees that it must end."""
    final_signal: signal.Signals = signal.SIGTERM
    """Ends a draining worker when the daemon stops."""
