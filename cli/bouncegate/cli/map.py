"""`map`: the send path as lookup tables of Postfix, asked over a socket or written to a file."""

import logging
import os
import time
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.admin.views.values import iso
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.service import notify, reloaded_settings
from bouncegate.cli.streams import finish_unread
from bouncegate.config.durations import parse_duration
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted

if TYPE_CHECKING:
    from bouncegate.milter.lookup.counts import Counts
    from bouncegate.milter.lookup.protocol import Lookup
    from bouncegate.store.locktable import LockTable

log: Final = logging.getLogger("bouncegate.map")

MAX_AGE: Final = "2 hours"

app = typer.Typer()


@app.callback(invoke_without_command=True)
def map_(context: typer.Context) -> None:
    """Answer Postfix's lookups, or export locks as a table.

    Without a command, run the daemon that answers over a socket (socketmap_table(5)).

    Examples:

    bouncegate map
    """
    if context.invoked_subcommand is not None:
        return
    from bouncegate.daemon.listening import ListenError, kept  # noqa: PLC0415 - the daemon's alone
    from bouncegate.daemon.reexec import inherited, trial_result  # noqa: PLC0415
    from bouncegate.daemon.scoreboard import Scoreboard  # noqa: PLC0415
    from bouncegate.milter.lookup.counts import FIGURES, Counts  # noqa: PLC0415
    from bouncegate.milter.lookup.daemon import MapDaemon  # noqa: PLC0415
    from bouncegate.store.reopening import open_lock_table  # noqa: PLC0415

    config = invocation_of(context).config
    settings = invocation_of(context).settings
    set_up_logging(settings.log, "map")
    left = inherited()
    table = open_lock_table(settings.store)
    code = trial_result()
    board = Scoreboard(left.board, FIGURES) if left else Scoreboard.in_memory(FIGURES)
    if code is None:
        board = Scoreboard.of(settings.metrics, "map", FIGURES, board)
    (row,) = board.take(1)
    counts = Counts(row.counters)
    if code is not None:
        _maps(settings, table, counts)
        raise typer.Exit(code)

    def reload() -> "dict[bytes, Lookup] | None":
        fresh = reloaded_settings(config, "map")
        if fresh is None:
            return None
        for name in ("store", "map.socket", "metrics"):
            if attrgetter(name)(fresh) != attrgetter(name)(settings):
                log.warning("reload: [%s] is taken up by a restart alone", name.split(".")[0])
        return _maps(fresh, table, counts)

    def check() -> None:
        table.check()
        notify("WATCHDOG=1")

    try:
        maps = _maps(settings, table, counts)
        endpoint = kept("map", settings.map.socket, left.endpoint if left else None)
        daemon = MapDaemon(endpoint, maps, check, reload, notify)
        daemon.run(left.listener if left else None, board.descriptor, table.close)
    except ListenError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None


def _maps(settings: Settings, table: "LockTable", counts: "Counts") -> "dict[bytes, Lookup]":
    """The maps under their names; raises KeyFileError."""
    from bouncegate.milter.lookup.protocol import nothing  # noqa: PLC0415 - the daemon's alone
    from bouncegate.milter.lookup.returns import ReturnMap  # noqa: PLC0415
    from bouncegate.milter.lookup.transport import TransportMap  # noqa: PLC0415
    from bouncegate.milter.refusal.undeliverable import (  # noqa: PLC0415
        Known,
        undeliverable_by,
    )
    from bouncegate.store.installationmark import InstallationMark  # noqa: PLC0415

    rules = undeliverable_by(settings, Known(table.domain, table.was_freed))
    mark = InstallationMark(settings.store.path)
    transport = TransportMap(settings, table.find, counts, mark, rules)
    return {
        b"transport": counts.timed(transport) if settings.metrics.enabled else transport,
        # A map that main.cf names must answer, or all mail would wait.
        b"return": ReturnMap(settings) if settings.map.return_to_sender else nothing,
    }


@app.command("export")
def export(
    context: typer.Context,
    table: Annotated[
        str,
        typer.Argument(
            metavar="TYPE:FILE", help="The table to write: texthash:, lmdb:, cdb: or hash:."
        ),
    ],
) -> None:
    """Write the locks in force as an access(5) table.

    For check_recipient_access.

    Examples:

    bouncegate map export lmdb:/var/lib/bouncegate/locked
    """
    from bouncegate.milter.lookup.accesstable import entries  # noqa: PLC0415 - this command's alone
    from bouncegate.milter.lookup.tablefile import TableError, TableFile  # noqa: PLC0415
    from bouncegate.store.installationmark import InstallationMark  # noqa: PLC0415

    finish_unread()
    invocation = invocation_of(context)
    try:
        target = TableFile.parse(table)
        with closing(invocation.open_store(readonly=True)) as store:
            settings = invocation.settings
            mark = InstallationMark(settings.store.path)()
            lines = entries(store.addresses.locks(), settings, int(time.time()), mark)
            changed, count = target.write(lines)
            purged = store.purged.count()
    except TableError as error:
        complain(str(error))
        raise typer.Exit(error.exit_code) from None
    write_text(f"{table}: {counted(count, 'entry')}, {'written' if changed else 'unchanged'}")
    if purged:
        complain(
            f"{counted(purged, 'lock')} of purged addresses cannot be written to a table: only the "
            'milter and "bouncegate map" refuse them'
        )


@app.command("status")
def status(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The FILE of `map export`.", readable=False)
    ],
    *,
    max_age: Annotated[
        str, typer.Option(metavar="DURATION", help="The age from which on it is too old.")
    ] = MAX_AGE,
    json: Json = False,
) -> None:
    """Show the age of an exported table.

    Exit code 75 if it is too old, or is not the table that was exported.

    Examples:

    bouncegate map status --max-age "1 hour" /var/lib/bouncegate/locked
    """
    from bouncegate.milter.lookup.tablefile import TableError, is_whole, read_exported  # noqa: PLC0415

    try:
        longest = parse_duration(max_age).after(0)
        exported = read_exported(file)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    except TableError as error:
        complain(str(error))
        raise typer.Exit(error.exit_code) from None
    age = int(time.time()) - exported.at
    state = "too old" if age > longest else "good" if is_whole(file, exported) else "not ours"
    if json:
        write_json(
            {
                "file": str(file),
                "type": exported.type,
                "entries": exported.entries,
                "exported": iso(exported.at),
                "age": age,
                "state": state,
            }
        )
    else:
        write_text(
            f"{exported.type}:{file}: {counted(exported.entries, 'entry')}, {age} s old: {state}"
        )
    raise typer.Exit(os.EX_OK if state == "good" else os.EX_TEMPFAIL)
