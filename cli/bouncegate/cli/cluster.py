"""`cluster`: several machines, one bounce index; `init` prepares the database that they share."""

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from bouncegate.cli import clustermachines
from bouncegate.cli.clusteraccess import missing_libraries
from bouncegate.cli.clusterrun import run
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.output import complain
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread

app = typer.Typer(no_args_is_help=True, help="Share one bounce index between several machines.")


@app.command("init")
def init(
    context: typer.Context,
    *,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL, connect to nothing.")] = False,
    at: Annotated[
        int,
        typer.Option(metavar="NUMBER", min=0, help="With --sql: the number the database is at."),
    ] = 0,
    database: Annotated[
        str, typer.Option(metavar="CONNINFO", help="Connect like this, not as [cluster] says.")
    ] = "",
) -> None:
    """Prepare the database of a cluster, or bring it up to date.

    This takes a role that may create a schema and a role. If the role of this machine may not, let
    an administrator of the database run the SQL that --sql shows.

    On the first machine this also makes the key. Copy it to the others by hand.

    Examples:

    bouncegate cluster init

    bouncegate cluster init --database "dbname=bouncegate user=bouncegate_owner"

    bouncegate cluster init --sql | psql -v ON_ERROR_STOP=1 bouncegate
    """
    if text := missing_libraries():
        complain(text)
        raise typer.Exit(os.EX_UNAVAILABLE)
    from bouncegate.cluster.errors import EngineError  # noqa: PLC0415 - they are there now
    from bouncegate.cluster.postgresql.migrations import script  # noqa: PLC0415
    from bouncegate.cluster.sealing import KeyFileError  # noqa: PLC0415

    if sql:
        sys.stdout.write(script(at))
        return
    finish_unread()
    try:
        _prepare(invocation_of(context), database)
    except (EngineError, KeyFileError) as error:
        complain(str(error))
        raise typer.Exit(error.exit_code) from error


def _prepare(invocation: Invocation, database: str) -> None:
    from bouncegate.cluster.errors import EngineRefused  # noqa: PLC0415 - for one command only
    from bouncegate.cluster.postgresql.log import PostgresqlLog  # noqa: PLC0415
    from bouncegate.cluster.postgresql.migrations import migrate  # noqa: PLC0415
    from bouncegate.cluster.postgresql.session import Session  # noqa: PLC0415
    from bouncegate.cluster.postgresql.target import Target  # noqa: PLC0415

    settings = invocation.settings
    where = database or settings.cluster.database
    if not where:
        raise EngineRefused("[cluster] database is not set: write where the PostgreSQL is")
    target = Target(where)
    with closing(Session(target)) as session:
        before, after = migrate(session)
        is_empty = PostgresqlLog(session).head().position == 0
    done = "is up to date" if before == after else "is prepared"
    write_text(f"{target}: {done}, at number {after}")
    _see_to_key(settings.cluster.key_file(settings.store.path), is_first=is_empty)


def _see_to_key(path: Path, *, is_first: bool) -> None:
    """Make the key of a new cluster; a later machine has to get it from another one."""
    from bouncegate.cluster.sealing import Sealer, make_key  # noqa: PLC0415 - for one command only

    if path.exists():
        write_text(f"{path}: the key is {Sealer.load(path).key_id}")
    elif is_first:
        make_key(path)
        key_id = Sealer.load(path).key_id
        write_text(f"{path}: made, the key is {key_id}: copy it to the other machines, mode 0600")
    else:
        write_text(f"{path}: not found: copy it from a machine of the cluster, by hand")


for _command in (
    clustermachines.join,
    clustermachines.status,
    clustermachines.verify,
    clustermachines.adopt,
    clustermachines.leave,
    clustermachines.forget,
    run,
):
    app.command(_command.__name__)(_command)
