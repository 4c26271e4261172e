"""`postfix status`: what in Postfix asks Bouncegate, and what does not."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.postfix.running import (
    Folder,
    read_or_exit,
)
from bouncegate.cli.sentences import write_text
from bouncegate.cli.table import write_table

if TYPE_CHECKING:
    from bouncegate.admin.postfix.coverage import Coverage

_STATES: Final = {0: "attached", 1: "attached in part", 2: "not attached"}


class CoverageView(msgspec.Struct):
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
    undo: str
    """`nothing` was changed by enable, it can be undone (`exact`), or in part only `by-hand`."""
    covers: list[CoverageView]


def status(context: typer.Context, *, folder: Folder = None, json: Json = False) -> None:
    """Show what in Postfix asks Bouncegate, and what does not.

    Exit code 0: all that the settings ask for is enabled. 1: some mail passes without being checked
    or signed, or signing changes its route. 2: it is not enabled, or cannot work. 69: Postfix is
    not installed. 77: this user may not read its config. 78: its config is wrong.

    Examples:

    bouncegate postfix status

    bouncegate postfix status -c /etc/postfix-out --json
    """
    from bouncegate.admin.postfix.coverage import coverage  # noqa: PLC0415 - for one command only

    settings = invocation_of(context).settings
    facts = read_or_exit(folder, settings.return_path.domains.names)
    found = list(coverage(settings, facts))
    code = code_of(found)
    undo = _undo_of(facts.folder)
    if json:
        views = [CoverageView(one.plane, one.subject, str(one.state), one.text) for one in found]
        version = facts.values.get("mail_version", "")
        mode = settings.milter.mode
        write_json(StatusView(str(facts.folder), version, mode, _STATES[code], undo, views))
    else:
        write_text(f"{facts.folder}: {_STATES[code]}, mode {settings.milter.mode}, undo: {undo}")
        rows = ((one.plane, one.subject or None, str(one.state), one.text) for one in found)
        write_table(("plane", "of", "", "what that means"), rows)
    raise typer.Exit(code)


def code_of(found: "list[Coverage]") -> int:
    """The exit code of a status."""
    # Local mail is checked only if the settings ask for it; without it nothing is wrong.
    states = {str(one.state) for one in found if (one.plane, one.state) != ("local", "not-covered")}
    judged = {one.state for one in found if one.plane in ("milter", "map")}
    if "broken" in states or not judged & {"attached", "fragile"}:
        return 2
    return 0 if states <= {"attached", "off"} else 1


def _undo_of(folder: Path) -> str:
    """What `postfix disable` can restore."""
    from bouncegate.admin.postfix import backup, enable  # noqa: PLC0415
    from bouncegate.admin.postfix.command import PostfixError  # noqa: PLC0415

    try:
        reversal = enable.propose_reversal(folder)
    except (PostfixError, OSError):
        return "unknown"  # only root can read the copies
    if reversal.by_hand:
        return "by-hand"
    return "exact" if backup.path_of(folder).exists() else "nothing"
