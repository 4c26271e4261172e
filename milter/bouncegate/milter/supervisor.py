"""The milter daemon: what its supervisor keeps running by the settings.

Beside the workers there is, where a ledger is kept, the ledger writer.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import milter
from msgspec.structs import replace

from bouncegate.config.endpoints import Endpoint
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.daemon.child import Child, Task
from bouncegate.daemon.listening import kept
from bouncegate.daemon.plan import Daemon, Plan, Timeouts
from bouncegate.daemon.reexec import inherited, trial_result
from bouncegate.daemon.supervisor import Supervisor, signals_held
from bouncegate.milter.counts import FIGURES
from bouncegate.milter.gracefulexit import listening_descriptor
from bouncegate.milter.ledgerqueue import LedgerQueue
from bouncegate.milter.ledgerwriter import write_ledger
from bouncegate.milter.listener import Listener, answers
from bouncegate.milter.worker import NAME, work
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.locktable import LockTable
from bouncegate.store.tokens.keys import KEY_FILE, KeyFile, KeyFileError

_LOG: Final = logging.getLogger("bouncegate.milter")


def serve(
    settings: Settings,
    notify: Callable[[str], None],
    load: Callable[[], Settings],
    timeouts: Timeouts | None = None,
) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit code.

    systemd and administrators expect it to be gone within 6 s of SIGTERM. `notify` is
    sd_notify(3). `load` reads the settings again at SIGHUP, or
    raises ConfigError. Raises MilterError, StoreError or KeyFileError for what an operator has
    to fix before the daemon can start.
    """
    left = inherited()
    endpoint = kept("milter", settings.milter.socket, left.endpoint if left else None)
    settings = _listening_at(endpoint, settings)
    listener = Listener(endpoint)
    daemon = Daemon(
        "milter",
        FIGURES,
        load,
        _Planner().plan,
        refusals=(StoreError, KeyFileError),
        endpoint=endpoint,
        listener=listening_descriptor,
        # A connection lets a worker that sleeps in its listener see whether it is to end.
        wake=partial(answers, endpoint),
        # libmilter is never stopped, and its listening socket was replaced.
        final_signal=signal.SIGKILL,
    )
    plan = daemon.plan(settings, None)
    if (code := trial_result()) is not None:
        return code
    with signals_held():
        milter.set_flags(milter.SETSYMLIST)
        milter.register(NAME)
        with listener.opened(left.listener if left else None):
            return Supervisor(daemon, plan, notify, timeouts or Timeouts(), left).run()


class _Planner:
    """Makes plans; all of them share one queue to the ledger writer."""

    def __init__(self) -> None:
        self._ledger_queue: LedgerQueue | None = None

    def plan(self, settings: Settings, old: Settings | None) -> Plan:
        """What is to be done by the settings; raises StoreError or KeyFileError."""
        if old is None or settings.store != old.store:
            _check_store(settings)
        _check_keys(settings)
        where = kept("milter", settings.milter.socket, old.milter.socket if old else None)
        settings = _listening_at(where, settings)
        if settings.keeps_ledger and self._ledger_queue is None:
            self._ledger_queue = LedgerQueue()
        ledger_queue = self._ledger_queue if settings.keeps_ledger else None
        ledger_writer = (
            (Child("ledger-writer", _ledger_writer(settings, ledger_queue), _LOG),)
            if ledger_queue is not None
            else ()
        )
        worker = partial(work, settings, ledger_queue)
        return Plan(settings, settings.milter.processes, worker, _in_words(settings), ledger_writer)


def _listening_at(endpoint: Endpoint, settings: Settings) -> Settings:
    return replace(settings, milter=replace(settings.milter, socket=endpoint))


def _ledger_writer(settings: Settings, ledger_queue: LedgerQueue) -> Task:
    """The task of the ledger writer; what waits in the queue is there for its successor, too."""

    def task(on_ready: Callable[[], None]) -> int:
        on_ready()
        try:
            write_ledger(settings, ledger_queue)
        except StoreError as error:
            _LOG.error("%s", error)
            return error.exit_code
        return os.EX_OK

    return task


def _in_words(settings: Settings) -> str:
    own = settings.milter
    workers = counted(own.processes, "worker")
    return f"{workers} on {own.socket}, mode {own.mode}, on_error {own.on_error}"


def _check_store(settings: Settings) -> None:
    """Refuse a store that cannot be used, and warn if there is none yet.

    It is closed again before any fork. Raises StoreError.
    """
    try:
        LockTable.open(settings.store).close()
    except StoreMissing as error:
        _LOG.warning(
            "%s; until then every recipient is answered: %s", error, settings.milter.on_error
        )


def _check_keys(settings: Settings) -> None:
    """Refuse keys that cannot be used; raises KeyFileError."""
    if settings.return_path.domains:
        KeyFile(settings.store.path / KEY_FILE, int(time.time()))
