"""The `bouncegate` command: wires the parts, and nothing else does.

Each command is a function in a module of its own; imports that only one of them needs are made
there, since pipe(8) starts `bouncegate receive` for every message.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from bouncegate.admin.lists.externalsort import TemporaryFileError
from bouncegate.admin.lists.textform import CsvError
from bouncegate.cli import (
    alive,
    anonymize,
    audit,
    check,
    checkconfig,
    classify,
    clock,
    cluster,
    correct,
    daemons,
    doctor,
    events,
    explain,
    export,
    imports,
    incident,
    keys,
    listing,
    lock,
    maintain,
    postfix,
    provider,
    purge,
    reasons,
    report,
    requests,
    setup,
    show,
    simulate,
    summary,
    trace,
    undo,
    unlock,
)
from bouncegate.cli import map as maps
from bouncegate.cli import store as stores
from bouncegate.cli import web as webs
from bouncegate.cli.fileerror import FileError
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.output import complain
from bouncegate.cli.panels import PanelGroup, name_arguments_only
from bouncegate.cli.streams import OutputError, OutputUnread, attached
from bouncegate.config.build import build
from bouncegate.config.problems import ConfigError
from bouncegate.store.address import AddressError
from bouncegate.store.errors import StoreError
from bouncegate.store.tokens.keys import KeyFileError

_PANELS: Final[dict[str, dict[str, typer.Typer | Callable[..., None]]]] = {
    "Daemons": {
        "milter": daemons.milter,
        "return-path": daemons.return_path,
        "receive": daemons.receive,
        "map": maps.app,
        "maintain": maintain.maintain,
        "events": events.app,
        "web": webs.app,
    },
    "Addresses": {
        "show": show.show,
        "explain": explain.explain,
        "trace": trace.trace,
        "check": check.check,
        "lock": lock.lock,
        "unlock": unlock.unlock,
        "requests": requests.app,
        "correct": correct.correct,
        "alive": alive.alive,
        "provider": provider.provider,
        "purge": purge.purge,
    },
    "Lists": {
        "list": listing.list_,
        "export": export.export,
        "import": imports.import_,
    },
    "Reports": {
        "summary": summary.summary,
        "report": report.app,
        "incident": incident.app,
        "undo": undo.undo,
        "audit": audit.audit,
        "classify": classify.classify,
        "reasons": reasons.reasons,
        "anonymize": anonymize.anonymize,
    },
    "Setup": {
        "check-config": checkconfig.check_config,
        "simulate": simulate.simulate,
        "postfix": postfix.app,
        "doctor": doctor.doctor,
        "setup": setup.setup,
        "keys": keys.app,
    },
    "Store": {
        "store": stores.app,
        "clock": clock.app,
        "cluster": cluster.app,
    },
}


class _Commands(PanelGroup):
    panels = _PANELS


app = typer.Typer(
    cls=_Commands,
    name="bouncegate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"bouncegate {build()}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The config file.  [default: /etc/bouncegate/bouncegate.toml, if it exists]",
            envvar="BOUNCEGATE_CONFIG",
            show_default=False,
            show_envvar=True,
            readable=False,
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


for _commands in _PANELS.values():
    for _name, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name)
        else:
            app.command(_name)(_command)
name_arguments_only(app)


def main() -> NoReturn:
    """Run the command; every foreseen error is a line that says what to do, and an exit code."""
    with attached():
        sys.exit(_run())


def _run() -> int:
    """The exit code of the command."""
    try:
        try:
            app(standalone_mode=True)  # which always raises SystemExit
        finally:
            sys.stdout.flush()
    except ConfigError as error:
        for problem in error.problems:
            complain(str(problem))
        return error.exit_code
    except (StoreError, KeyFileError, TemporaryFileError, FileError, OutputError) as error:
        complain(str(error))
        return error.exit_code
    except PermissionError as error:
        complain(f"{error.filename}: permission denied" if error.filename else str(error))
        return os.EX_NOPERM
    except (AddressError, CsvError) as error:
        complain(str(error))
        return os.EX_DATAERR
    except OutputUnread as unread:
        return unread.exit_code
    return os.EX_OK


if __name__ == "__main__":
    main()
