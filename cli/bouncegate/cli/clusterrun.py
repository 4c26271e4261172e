"""`cluster run`: the daemon that shares this machine's index, in the foreground."""

import logging
import os
import signal
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final

import typer

from bouncegate.cli.clusteraccess import require_cluster
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.output import complain
from bouncegate.cli.service import notify, reloaded_settings, restart
from bouncegate.config.build import build
from bouncegate.daemon.lastresort import end_now
from bouncegate.daemon.periodic import PeriodicTask, run_until
from bouncegate.policy.rules import Rules
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.cluster.joining import Cluster

# Whether the files that are open are still those of the store.
_WATCH_PAUSE: Final = 1.0

log: Final = logging.getLogger("bouncegate.cluster")


def run(context: typer.Context) -> None:
    """Share this machine's index: the daemon.

    It publishes what comes in here, and applies what all machines have published. Mail does not
    wait for it; while it does not run, or the database cannot be reached, bounces bind on this
    machine alone.

    Examples:

    bouncegate cluster run
    """
    require_cluster(invocation_of(context).settings)
    invocation = invocation_of(context)
    set_up_logging(invocation.settings.log, "cluster")
    stop, restart_wanted, ended = threading.Event(), threading.Event(), threading.Event()

    def end(*_: object) -> None:
        ended.set()
        stop.set()

    def reload(*_: object) -> None:
        if not stop.is_set() and reloaded_settings(invocation.config, "cluster") is not None:
            log.info("reload: restarting")
            restart_wanted.set()
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, reload)
    with ExitStack() as stack:
        _take_part(invocation, stack, stop, restart_wanted)
    if restart_wanted.is_set():
        restart(ended.is_set)


def _take_part(
    invocation: Invocation,
    stack: ExitStack,
    stop: threading.Event,
    restart_wanted: threading.Event,
) -> None:
    """Publish and apply until `stop`."""
    from bouncegate.cli.clusteraccess import reach  # noqa: PLC0415 - psycopg is needed here alone
    from bouncegate.cluster.member import Member  # noqa: PLC0415

    settings = invocation.settings
    store = stack.enter_context(closing(Store.open(settings.store, settled=True)))
    if store.membership is None:
        complain("this store is in no cluster yet: run `bouncegate cluster join`")
        raise typer.Exit(os.EX_CONFIG)

    def connect() -> "Cluster":
        return stack.enter_context(reach(settings))

    keep = settings.cluster.keep.after(0)
    member = Member(store, connect, Rules.of(settings), build(), keep)

    def watch(_: threading.Event) -> None:
        if reason := store.replaced():
            log.critical("%s: restarting", reason)
            restart_wanted.set()
            stop.set()

    tasks = [*member.tasks(), PeriodicTask("files", _WATCH_PAUSE, watch)]
    notify("READY=1")
    log.info("takes part as %s", store.membership.name)
    if not run_until(stop, tasks, lambda: notify("WATCHDOG=1")):
        # Never close an environment while a thread still reads it: systemd starts it again.
        end_now(log, "after some seconds", os.EX_OK)
