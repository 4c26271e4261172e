"""One worker of the return path: a process of its own that takes DSNs from the shared socket.

SIGTERM ends it: it accepts nothing new; messages in progress are recorded and answered, or answered
4xx if there is no time. DRAIN does the same, but lets open sessions go on until their clients end
them. If the files of the store or the ledger were replaced, it answers 4xx to each DSN and ends
within a second: its successor opens the new files.
"""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Final, NamedTuple

import uvloop

from bouncegate.classifier.classified import Classify
from bouncegate.classifier.returnpath.acceptor import Acceptor
from bouncegate.classifier.returnpath.alerts import announce
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.handler import MOST_CONNECTIONS, Context, ReturnPathHandler
from bouncegate.classifier.returnpath.lmtp import Session, Terms
from bouncegate.classifier.returnpath.messagereader import InProgress, MessageReader
from bouncegate.classifier.returnpath.readerprocess import ReaderProcess
from bouncegate.classifier.returnpath.recorder import Recorder
from bouncegate.classifier.returnpath.sessions import Sessions
from bouncegate.config.settings import ReturnPathSettings, Settings
from bouncegate.config.text import counted
from bouncegate.daemon.child import DRAIN
from bouncegate.daemon.lastresort import end_within
from bouncegate.daemon.plan import WorkerContext
from bouncegate.daemon.scoreboard import INTERVAL, Row
from bouncegate.policy.fold import Policy
from bouncegate.store.clock import ClockDoubted, TrustedClock
from bouncegate.store.errors import StoreError
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.return-path")

_STOP_SECONDS: Final = 5.0
# For the rest, such as a transaction that waits for another process.
_LAST_SECONDS: Final = 1.0
_MAINTENANCE_SECONDS: Final = 3600.0
_CHECK_SESSIONS_EVERY: Final = 0.25


class Resources(NamedTuple):
    """What a worker needs; opened in its own process."""

    store: Store
    builder: BounceBuilder
    policy: Policy
    context: Context
    replaced: Callable[[], str]
    """Why the open files are no longer those of the store; empty while they are."""


class Opening(NamedTuple):
    """The start of a worker."""

    open_resources: Callable[[ExitStack], Resources]
    """Opens what a worker needs; the stack closes it. Raises StoreError."""
    classify: Classify


class Shared(NamedTuple):
    """What all workers by the same settings share."""

    listener: socket.socket
    in_progress: InProgress


def work(
    settings: Settings,
    opening: Opening,
    shared: Shared,
    worker: WorkerContext,
    on_ready: Callable[[], None],
) -> int:
    """Serve in a process forked by the supervisor; the exit code."""
    with ExitStack() as stack:
        # Before there are threads, and an environment of LMDB, which no child may inherit.
        process = stack.enter_context(closing(ReaderProcess.start(opening.classify)))
        try:
            resources = opening.open_resources(stack)
        except StoreError as error:
            log.error("%s", error)
            return error.exit_code
        in_progress = shared.in_progress.of_worker(worker.number)
        reader = MessageReader(opening.classify, process.classify, in_progress, _end)
        stack.callback(reader.close)
        own = resources.context._replace(reader=reader)
        resources = resources._replace(context=own)
        # A seventh less time a DSN than with the loop of the standard library.
        uvloop.run(_serve(settings.return_path, resources, shared, worker, on_ready))
        return os.EX_TEMPFAIL if resources.replaced() else os.EX_OK


async def _serve(
    settings: ReturnPathSettings,
    resources: Resources,
    shared: Shared,
    worker: WorkerContext,
    on_ready: Callable[[], None],
) -> None:
    loop = asyncio.get_running_loop()
    stop, drain = _requests(loop)
    recorder = Recorder(lambda bounces: resources.store.record(bounces, resources.policy), loop)
    handler = ReturnPathHandler(
        resources.builder, recorder, time.time, worker.row.counters, resources.context
    )
    sessions = Sessions(worker.row, worker.workers, MOST_CONNECTIONS)
    hostname, timeout = socket.gethostname(), settings.timeout.after(0)
    terms = Terms(settings.max_size.octets, timeout, hostname, lambda: sessions.is_scarce)
    factory = partial(Session, handler, terms, loop, sessions)
    acceptor = Acceptor(shared.listener, sessions, factory, loop)
    tasks = [
        loop.create_task(_beat(worker.row)),
        loop.create_task(_watch(resources.replaced, stop)),
    ]
    if worker.number == 0:
        tasks.append(loop.create_task(_maintain(resources, settings)))
    worker.row.beat()
    acceptor.open()
    on_ready()
    await _first(stop, drain)
    acceptor.close()
    worker.row.leave_socket()
    if not stop.is_set():
        deadline = time.monotonic() + worker.drain_timeout
        while worker.row.sessions and time.monotonic() < deadline and not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _CHECK_SESSIONS_EVERY)
    await _until_all_answered(handler)
    end_within(_LAST_SECONDS, log)
    for task in tasks:
        task.cancel()
    recorder.close()


def _end() -> None:
    """Ask this worker to end; its successor has a new reader process."""
    log.error("the reader process has ended: this worker ends too")
    os.kill(os.getpid(), signal.SIGTERM)


def _requests(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Event, asyncio.Event]:
    """Set when the worker must stop, and when it must drain."""
    stop, drain = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (DRAIN, drain)):
        loop.add_signal_handler(number, event.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {DRAIN})
    return stop, drain


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _beat(row: Row) -> None:
    while True:
        row.beat()
        await asyncio.sleep(INTERVAL)


async def _watch(replaced: Callable[[], str], stop: asyncio.Event) -> None:
    while not (reason := replaced()):
        await asyncio.sleep(INTERVAL)
    log.critical("%s: bounces are deferred until it is open again", reason)
    stop.set()


async def _maintain(resources: Resources, settings: ReturnPathSettings) -> None:
    clock = TrustedClock(log)
    while True:
        try:
            await asyncio.to_thread(_tidy, resources, settings, clock)
        except ClockDoubted:
            pass  # the clock has said so
        except (StoreError, OSError) as error:
            log.error("maintenance failed: %s", error)
        await asyncio.sleep(_MAINTENANCE_SECONDS)


def _tidy(resources: Resources, settings: ReturnPathSettings, clock: TrustedClock) -> None:
    """Delete expired messages, close incidents that are over."""
    now = clock.time(resources.store.clock)
    kept_for = settings.keep_messages.after(0)
    deleted = resources.store.messages.expire(max(now - kept_for, 0))
    if deleted:
        log.info("expired %s", counted(deleted, "bounce message"))
    for closed in resources.store.close_incidents(resources.policy, now):
        announce(closed)


async def _until_all_answered(handler: ReturnPathHandler) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while handler.in_progress and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    handler.give_up()
    await asyncio.sleep(0.05)  # let the last answers leave
