"""`map`: the send path as lookup tables of Postfix, asked over a socket or written to a file."""

import os

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.notify import notify
from bouncegate.cli.output import complain

app = typer.Typer(help="Run the map daemon: answer Postfix's look-ups (socketmap_table(5)).")


@app.callback(invoke_without_command=True)
def map_(context: typer.Context) -> None:
    """Run the map daemon: answer Postfix's look-ups (socketmap_table(5))."""
    if context.invoked_subcommand is not None:
        return
    from bouncegate.daemon.listening import ListenError  # noqa: PLC0415 - the daemon's alone
    from bouncegate.map.daemon import MapDaemon  # noqa: PLC0415
    from bouncegate.map.transport import TransportMap  # noqa: PLC0415
    from bouncegate.store.latetable import finder  # noqa: PLC0415

    settings = invocation_of(context).settings
    set_up_logging(settings.log, "map")
    maps = {b"transport": TransportMap(settings, finder(settings.store))}
    try:
        MapDaemon(settings.map.socket, maps).run(lambda: notify("READY=1"))
    except ListenError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None
