"""`events`: tells other programs what bounces, what is locked and what is free again."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.lineformat import printable
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.options import WHEN, Json
from bouncegate.cli.output import complain, write_views
from bouncegate.cli.sentences import write_text
from bouncegate.cli.service import notify, reloaded_settings, restart
from bouncegate.cli.streams import finish_unread
from bouncegate.cli.times import time_of
from bouncegate.config.text import counted
from bouncegate.daemon.lastresort import end_now
from bouncegate.daemon.periodic import PeriodicTask, run_until
from bouncegate.store.environment import DATA
from bouncegate.store.errors import StoreMissing
from bouncegate.store.fileaccess import is_there
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.config.websettings import EndpointSettings
    from bouncegate.web.events.eventstore import EventStore

log: Final = logging.getLogger("bouncegate.events")

# Whether the files that are open are still those of the store.
_WATCH_PAUSE: Final = 1.0
# Before the first bounce there is no store, and nothing to tell.
_STORE_PAUSE: Final = 5.0
_STATUS: Final = (
    "name",
    "target",
    "state",
    "behind",
    "waiting",
    "dead",
    "delivered",
    "since",
    "error",
)
_ATTEMPTS: Final = ("time", "id", "type", "outcome", "status", "seconds", "answer")
_DEAD: Final = ("id", "type", "tries", "since", "error")
_LONGEST: Final = 80

app = typer.Typer()

EndpointName = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="The name of an [[events.endpoint]].")
]


@app.callback(invoke_without_command=True)
def events(context: typer.Context) -> None:
    """Send events to other programs, and see what became of them.

    Without a command, run the daemon that delivers to the endpoints of [events].

    Examples:

    bouncegate events
    """
    if context.invoked_subcommand is not None:
        return
    invocation = invocation_of(context)
    settings = invocation.settings
    set_up_logging(settings.log, "events")
    if not settings.events.enabled:
        complain("events are off: set enabled = true in [events], and name an [[events.endpoint]]")
        raise typer.Exit(os.EX_CONFIG)
    stop, restart_wanted, ended = threading.Event(), threading.Event(), threading.Event()

    def end(*_: object) -> None:
        ended.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: _on_sighup(invocation, stop, restart_wanted))
    store = _store_once_there(invocation, stop)
    if store is not None:
        _deliver(invocation, store, stop, restart_wanted)
    if restart_wanted.is_set():
        restart(ended.is_set)


def _deliver(
    invocation: Invocation, store: Store, stop: threading.Event, restart_wanted: threading.Event
) -> None:
    """Deliver until `stop`."""
    from bouncegate.web.events.eventstore import EventStore  # noqa: PLC0415 - the daemon's alone
    from bouncegate.web.events.service import Service  # noqa: PLC0415

    settings = invocation.settings
    own = EventStore.open(settings.store, readonly=False)
    service = Service(settings, invocation.policy, store, own, invocation.open_ledger)
    replaced = invocation.replaced(store)

    def watch(_: threading.Event) -> None:
        if reason := replaced() or own.replaced():
            log.critical("%s: restarting", reason)
            restart_wanted.set()
            stop.set()

    tasks = [*service.tasks(stop), PeriodicTask("files", _WATCH_PAUSE, watch)]
    notify("READY=1")
    if not run_until(stop, tasks, lambda: notify("WATCHDOG=1")):
        # Never close an environment while a thread still reads it: systemd starts it again.
        end_now(log, "after some seconds", os.EX_OK)
    own.close()
    store.close()


def _store_once_there(invocation: Invocation, stop: threading.Event) -> Store | None:
    """The store; None if `stop` comes before the first bounce or lock has made it."""
    is_logged = False
    while not stop.is_set():
        try:
            return invocation.open_store(readonly=True)
        except StoreMissing as error:
            if not is_logged:
                log.warning("%s", error)
                notify("READY=1")
            is_logged = True
        notify("WATCHDOG=1")
        stop.wait(_STORE_PAUSE)
    return None


def _on_sighup(
    invocation: Invocation, stop: threading.Event, restart_wanted: threading.Event
) -> None:
    """At SIGHUP: restart with the new settings, unless they are bad."""
    if not stop.is_set() and reloaded_settings(invocation.config, "events") is not None:
        log.info("reload: restarting")
        restart_wanted.set()
        stop.set()


@app.command("status")
def status(context: typer.Context, *, json: Json = False) -> None:
    """Show each endpoint: how far it is, what waits, what failed.

    Examples:

    bouncegate events status
    """
    from bouncegate.web.events.status import endpoint_views  # noqa: PLC0415 - this command's alone

    with _open(context) as (invocation, store, own):
        views = list(endpoint_views(invocation.settings, store, own))
    write_views(views, _STATUS, json=json, longest=None if json else _LONGEST)


@app.command("log")
def log_(
    context: typer.Context,
    endpoint: EndpointName,
    *,
    dead: Annotated[
        bool, typer.Option("--dead", help="Show dead letters instead: events that were given up.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the last attempts to reach an endpoint.

    Examples:

    bouncegate events log newsletter --dead
    """
    from bouncegate.web.events.status import attempt_view, dead_views  # noqa: PLC0415

    with _open(context) as (invocation, _, own):
        name = _named(invocation, endpoint).name
        tried, letters = own.deliveries.tried(name), own.deliveries.dead(name)
    longest = None if json else _LONGEST
    if dead:
        write_views(dead_views(letters), _DEAD, json=json, longest=longest)
    else:
        write_views(map(attempt_view, tried), _ATTEMPTS, json=json, longest=longest)


@app.command("replay")
def replay(
    context: typer.Context,
    endpoint: EndpointName,
    *,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="Only the dead letter of this event; repeatable."),
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="TIME", help=f"Everything that happened since {WHEN}.")
    ] = "",
) -> None:
    """Deliver again: dead letters, or everything since a time.

    What waits is tried at once. An endpoint that answered 410 Gone is sent events again. Events
    keep their ids, so that a receiver can tell what it has got already.

    Examples:

    bouncegate events replay newsletter

    bouncegate events replay newsletter --since "2 hours"
    """
    from bouncegate.web.events.replay import NotStarted, replay_dead, replay_since  # noqa: PLC0415

    finish_unread()
    now = int(time.time())
    start = time_of(since, now)
    if start and ids:
        raise typer.BadParameter("use --id or --since, not both")
    with _open(context, readonly=False) as (invocation, store, own):
        name = _named(invocation, endpoint).name
        try:
            if start:
                replay_since(store, own, invocation.policy, name, start)
                write_text(f"{name}: everything since then is sent again")
                return
            count = replay_dead(own, name, ids, now)
        except NotStarted as error:
            complain(str(error))
            raise typer.Exit(os.EX_TEMPFAIL) from None
    write_text(f"{name}: {counted(count, 'dead letter')} to be sent again")
    if ids and not count:
        complain(f'no dead letter has this id: see "bouncegate events log {name} --dead"')
        raise typer.Exit(os.EX_DATAERR)


@app.command("test")
def test(context: typer.Context, endpoint: EndpointName) -> None:
    """Send an event of the type endpoint.test to an endpoint, now.

    Exit code 0: it was accepted. 69: it was not, and the answer is shown.

    Examples:

    bouncegate events test newsletter
    """
    from bouncegate.web.events.trial import send_test  # noqa: PLC0415 - this command's alone

    finish_unread()
    settings = invocation_of(context).settings
    is_there(settings.store.path / DATA)  # who may not look there may not send in its name
    chosen = _named(invocation_of(context), endpoint)
    answer = send_test(chosen, settings.events, int(time.time()))
    said = f"HTTP {answer.status}" if answer.status else "no answer"
    text = printable(f"{chosen.name}: {said}{': ' if answer.text else ''}{answer.text}")
    if not answer.is_accepted:
        complain(text)
        raise typer.Exit(os.EX_UNAVAILABLE)
    write_text(text)


@contextmanager
def _open(
    context: typer.Context, *, readonly: bool = True
) -> "Iterator[tuple[Invocation, Store, EventStore]]":
    """The store to read, and the environment of the events; raises StoreError."""
    from bouncegate.web.events.eventstore import EventStore  # noqa: PLC0415

    invocation = invocation_of(context)
    with (
        closing(invocation.open_store(readonly=True)) as store,
        closing(EventStore.open(invocation.settings.store, readonly=readonly)) as own,
    ):
        yield invocation, store, own


def _named(invocation: Invocation, name: str) -> "EndpointSettings":
    """The endpoint of a name; ends the command if there is none."""
    known = {one.name: one for one in invocation.settings.events.endpoint}
    if name not in known:
        names = ", ".join(known) or "none"
        complain(f"no [[events.endpoint]] is called {name}: there is {names}")
        raise typer.Exit(os.EX_DATAERR)
    return known[name]
