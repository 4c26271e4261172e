"""`web` without a further word: the daemon that serves the page and the HTTP interface."""

import logging
import os
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.output import complain
from bouncegate.cli.service import notify, reloaded_settings, restart
from bouncegate.config.notes import notes_on
from bouncegate.config.settings import Settings
from bouncegate.daemon.lastresort import end_within

if TYPE_CHECKING:
    from bouncegate.web.sockets import Listener

log: Final = logging.getLogger("bouncegate.web")

_NEEDED: Final = ("starlette", "uvicorn", "httptools", "jinja2", "multipart")
# What has begun is a transaction, or a portion of a job that goes on at the next start.
_STOP_SECONDS: Final = 8.0


def web(context: typer.Context) -> None:
    """Serve the page and the HTTP interface.

    It listens on the sockets that systemd passes and on those of [[web.listen]].

    Examples:

    bouncegate web
    """
    if context.invoked_subcommand is not None:
        return
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        complain(
            f"not installed: {', '.join(missing)}: install the Debian package bouncegate-web, "
            "or bouncegate[web] with pip"
        )
        raise typer.Exit(os.EX_UNAVAILABLE)
    _serve(invocation_of(context))


def _serve(invocation: Invocation) -> None:
    from bouncegate.daemon.listening import ListenError  # noqa: PLC0415 - the daemon's alone
    from bouncegate.web.sockets import close_listeners, leave, open_listeners  # noqa: PLC0415

    settings = invocation.settings
    set_up_logging(settings.log, "web")
    for note in notes_on(settings):
        log.warning("%s", note)
    try:
        listeners = open_listeners(settings.web.listen)
    except ListenError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None
    if not listeners:
        complain("nothing to listen on: set [[web.listen]], or start bouncegate-web.socket")
        raise typer.Exit(os.EX_CONFIG)
    try:
        starts_anew = _run(invocation, settings, listeners)
        if starts_anew:
            leave(listeners)
            restart(lambda: False)
    finally:
        close_listeners(listeners)


def _run(invocation: Invocation, settings: Settings, listeners: "list[Listener]") -> bool:
    """Serve until a signal; returns whether to start anew."""
    from bouncegate.web.access.access import Access  # noqa: PLC0415
    from bouncegate.web.app import application  # noqa: PLC0415 - the daemon's alone
    from bouncegate.web.server import Hooks, WebServer  # noqa: PLC0415
    from bouncegate.web.site import Site  # noqa: PLC0415

    invocation.holds_ledger = invocation.writes_ledger = True  # a purge is of the ledger too
    store = invocation.open_store(for_daemon=True)
    access = Access.open(settings)
    site = Site(invocation, store, access)
    is_replaced = invocation.replaced(store)

    def check() -> str:
        return is_replaced() or access.replaced()

    hooks = Hooks(check, partial(_settings_are_good, invocation.config), notify)
    server = WebServer(application(site), listeners, hooks)
    server.serve_until_stopped()
    if not server.starts_anew:
        end_within(_STOP_SECONDS, log)
    site.close()
    access.close()
    invocation.close()
    store.close()
    log.info("stopped")
    return server.starts_anew


def _settings_are_good(config: Path | None) -> bool:
    return reloaded_settings(config, "web") is not None
