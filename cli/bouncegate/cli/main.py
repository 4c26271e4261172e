"""The `bouncegate` command: wires the parts, and nothing else does.

Each command is a function in a module of its own; imports that only one of them needs are made
there, since pipe(8) starts `bouncegate receive` for every message.
"""

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bouncegate.admin.lists.csvfile import CsvError
from bouncegate.admin.lists.externalsort import TemporaryFileError
from bouncegate.cli import (
    addresses,
    alive,
    audit,
    check,
    classify,
    clock,
    correct,
    daemons,
    doctor,
    explain,
    export,
    imports,
    incident,
    judge,
    keys,
    listing,
    lock,
    maintain,
    notices,
    postfix,
    provider,
    purge,
    report,
    simulate,
    trace,
    undo,
    unlock,
)
from bouncegate.cli import map as maps
from bouncegate.cli import store as stores
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.output import complain
from bouncegate.config.problems import ConfigError
from bouncegate.store.address import AddressError
from bouncegate.store.errors import StoreError
from bouncegate.store.tokens.keys import KeyFileError

app = typer.Typer(
    name="bouncegate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"bouncegate {metadata.version('bouncegate')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The config file.  [default: /etc/bouncegate/bouncegate.toml, if it exists]",
            envvar="BOUNCEGATE_CONFIG",
            show_default=False,
            show_envvar=True,
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Keep a Postfix from mailing addresses that bounce."""
    del version  # done with by its callback
    context.obj = Invocation(config)


app.command("milter")(daemons.milter)
app.command("return-path")(daemons.return_path)
app.command("receive")(daemons.receive)
app.command("notices")(notices.notices)
app.command("maintain")(maintain.maintain)
app.command("classify")(classify.classify)
app.command("show")(addresses.show)
app.command("check")(judge.check)
app.command("list")(listing.list_)
app.command("explain")(explain.explain)
app.command("trace")(trace.trace)
app.command("lock")(lock.lock)
app.command("unlock")(unlock.unlock)
app.command("correct")(correct.correct)
app.command("export")(export.export)
app.command("import")(imports.import_)
app.command("alive")(alive.alive)
app.add_typer(maps.app, name="map")
app.command("undo")(undo.undo)
app.command("audit")(audit.audit)
app.command("purge")(purge.purge)
app.command("simulate")(simulate.simulate)
app.add_typer(incident.app, name="incident")
app.add_typer(clock.app, name="clock")
app.add_typer(report.app, name="report")
app.add_typer(keys.app, name="keys")
app.add_typer(stores.app, name="store")
app.command("provider")(provider.provider)
app.command("check-config")(check.check_config)
app.add_typer(postfix.app, name="postfix")
app.command("doctor")(doctor.doctor)


def main() -> NoReturn:
    """Run the command; every foreseen error is a line that says what to do, and an exit code."""
    try:
        app(standalone_mode=True)
    except ConfigError as error:
        for problem in error.problems:
            complain(str(problem))
        sys.exit(os.EX_CONFIG)
    except (StoreError, KeyFileError, TemporaryFileError) as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except (AddressError, CsvError) as error:
        complain(str(error))
        sys.exit(os.EX_DATAERR)
    except BrokenPipeError:
        # Whoever read the output has seen enough; flushing it at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(os.EX_OK)
    sys.exit(os.EX_OK)


if __name__ == "__main__":
    main()
