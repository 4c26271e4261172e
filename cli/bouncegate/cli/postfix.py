"""`bouncegate postfix`: attaches Bouncegate to a Postfix, detaches it, and says how it stands."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from bouncegate.cli.addresses import Json
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.output import complain, write_json, write_table

if TYPE_CHECKING:
    from bouncegate.postfix.coverage import Cover
    from bouncegate.postfix.running import Running

app = typer.Typer(no_args_is_help=True, help="Attach to a Postfix, and detach.")

Folder = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--postfix",
        help="Postfix's config_directory.  [default: the machine's own]",
        show_default=False,
        file_okay=False,
        exists=True,
        resolve_path=True,
    ),
]


class CoverView(msgspec.Struct):
    """A line of the status in JSON."""

    plane: str
    subject: str
    state: str
    text: str


class StatusView(msgspec.Struct):
    """The status in JSON."""

    folder: str
    version: str
    mode: str
    state: str
    covers: list[CoverView]


@app.command("status")
def status(context: typer.Context, *, folder: Folder = None, json: Json = False) -> None:
    """Say what of a Postfix asks Bouncegate, and what does not.

    Exit code 0: all that the settings ask for is attached. 1: mail passes somewhere that is not
    judged. 2: it is not attached, or cannot work. 69: there is no Postfix. 78: its config is wrong.

    Examples:

    bouncegate postfix status

    bouncegate postfix status -c /etc/postfix-out --json
    """
    from bouncegate.postfix.coverage import covers  # noqa: PLC0415 - for one command only

    settings = invocation_of(context).settings
    running = _read(folder, str(settings.return_path.domain))
    found = list(covers(settings, running))
    code = code_of(found)
    if json:
        views = [CoverView(one.plane, one.subject, str(one.state), one.text) for one in found]
        version = running.values.get("mail_version", "")
        mode = settings.milter.mode
        write_json(StatusView(str(running.folder), version, mode, _STATES[code], views))
    else:
        print(f"{running.folder}: {_STATES[code]}, mode {settings.milter.mode}")
        rows = ((one.plane, one.subject or None, str(one.state), one.text) for one in found)
        write_table(("plane", "of", "", "what that means"), rows)
    raise typer.Exit(code)


_STATES: Final = {0: "attached", 1: "attached in part", 2: "not attached"}


def code_of(found: "list[Cover]") -> int:
    """The exit code of a status."""
    # Mail of programs of this machine is judged where somebody asked for it, and no fault else.
    states = {str(one.state) for one in found if (one.plane, one.state) != ("local", "not-covered")}
    judged = {one.state for one in found if one.plane in ("milter", "map")}
    if "broken" in states or not judged & {"attached", "fragile"}:
        return 2
    return 0 if states <= {"attached", "off"} else 1


def _read(folder: Path | None, domain: str) -> "Running":
    """The settings of a Postfix; ends the command where they cannot be read."""
    from bouncegate.postfix.asking import PostfixError, is_here, read  # noqa: PLC0415

    if not is_here():
        complain("there is no Postfix on this machine: postconf is not found")
        raise typer.Exit(os.EX_UNAVAILABLE)
    try:
        return read(folder, domain)
    except PostfixError as error:
        complain(str(error))
        raise typer.Exit(os.EX_CONFIG) from None
