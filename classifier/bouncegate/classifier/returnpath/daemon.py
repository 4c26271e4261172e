"""The return-path daemon: one listening socket, and what its supervisor keeps running at it."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier.returnpath.handler import FIGURES
from bouncegate.classifier.returnpath.messagereader import InProgress
from bouncegate.classifier.returnpath.worker import Opening, Shared, work
from bouncegate.config.endpoints import Endpoint
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.daemon.listening import kept, listening
from bouncegate.daemon.plan import Daemon, Plan, Timeouts
from bouncegate.daemon.reexec import inherited, trial_result
from bouncegate.daemon.supervisor import Supervisor, signals_held
from bouncegate.store.errors import StoreError
from bouncegate.store.tokens.keys import KeyFileError

# A worker gives messages in progress 5 s.
_GRACE: Final = 7.0

Prepare = Callable[[Settings], Opening]
"""Tells how a worker begins by the settings, and opens nothing; raises ConfigError."""


def serve(
    settings: Settings,
    notify: Callable[[str], None],
    load: Callable[[], Settings],
    prepare: Prepare,
    timeouts: Timeouts | None = None,
) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit code.

    `notify` reports the state to the service manager (sd_notify(3)). `load` reloads the settings at
    SIGHUP, or raises ConfigError. Raises ListenError, ConfigError, and StoreError or KeyFileError
    if no DSN can be accepted with the settings.
    """
    left = inherited()
    own = settings.return_path
    endpoint = kept("return_path", own.socket, left.endpoint if left else None)
    if (code := trial_result()) is not None:
        _try_open(prepare(settings))
        return code
    with listening(endpoint, left.listener if left else None) as listener:
        plan = partial(_plan, listener, prepare, endpoint)
        refusals = (StoreError, KeyFileError)
        daemon = Daemon("return-path", FIGURES, load, plan, refusals, endpoint, listener.fileno)
        first = daemon.plan(settings, None)
        if left is None:
            # It may have to wait for another writer; a signal ends it then: nothing is under way
            # yet.
            first.check()
        with signals_held():
            supervisor = Supervisor(daemon, first, notify, timeouts or Timeouts(grace=_GRACE), left)
            return supervisor.run()


def _plan(
    listener: socket.socket,
    prepare: Prepare,
    endpoint: Endpoint,
    settings: Settings,
    old: Settings | None,
) -> Plan:
    opening = prepare(settings)
    own = settings.return_path
    own = replace(own, socket=kept("return_path", own.socket, endpoint) if old else endpoint)
    settings = replace(settings, return_path=own)
    shared = Shared(listener, InProgress(own.processes))
    words = f"{counted(own.processes, 'worker')}, listening on {own.socket}"
    worker, check = partial(work, settings, opening, shared), partial(_try_open, opening)
    return Plan(settings, own.processes, worker, words, check=check)


def _try_open(opening: Opening) -> None:
    """Open all that a worker will, and close it again: what is wrong is seen before a fork."""
    with ExitStack() as stack:
        opening.open_resources(stack)
