"""`postfix disable`: restores Postfix's files."""

import os
from pathlib import Path

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.onrecord import put_on_record
from bouncegate.cli.operator import called
from bouncegate.cli.options import By, Why, Yes
from bouncegate.cli.output import complain
from bouncegate.cli.postfix.running import (
    Folder,
    NoReload,
    confirm_changes,
    exclusive,
    reload_daemons,
    reload_postfix,
)
from bouncegate.cli.sentences import write_text
from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import DEFAULT_FILE, Settings
from bouncegate.config.text import printable


def disable(
    context: typer.Context,
    *,
    folder: Folder = None,
    quiet: NoReload = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Disable Bouncegate in Postfix: restore its files.

    The locks stay in the store, and so does bouncegate.toml. If the files were edited since, only
    the lines of Bouncegate are removed, and only where that is unambiguous.

    Exit code 0: done, or nothing to do. 69: Postfix is not installed. 73: a file cannot be written.
    77: this user may not do it. 78: something must be removed by hand; it is printed.

    Examples:

    bouncegate postfix disable --yes
    """
    from bouncegate.admin.postfix import backup, enable  # noqa: PLC0415 - for one command only
    from bouncegate.admin.postfix.command import is_installed  # noqa: PLC0415
    from bouncegate.admin.postfix.trial import summary  # noqa: PLC0415

    invocation = invocation_of(context)
    place = folder or _own_folder()
    with exclusive(place):
        reversal = enable.propose_reversal(place)
        for path, lines in reversal.by_hand:
            complain(f"{path} was edited since: remove by hand the lines that name bouncegate_")
            for line in lines:
                print(f"  {printable(line)}")
        for change, other in reversal.shared:
            write_text(f"{change.path} stays: {other} is attached with it")
        if reversal.changes:
            confirm_changes(reversal.changes, f"Make this change to {place}?", yes=yes)
        elif not backup.path_of(place).exists() and not reversal.by_hand:
            write_text(f"{place}: nothing was changed by `bouncegate postfix enable`")
            return
        enable.revert(place, reversal)
        if reversal.changes and not quiet:
            reload_postfix(folder)
            reload_daemons(reversal.changes, invocation.config or DEFAULT_FILE)
        if reversal.changes:
            command = called("postfix disable", [("postfix", folder)])
            put_on_record(invocation, command, summary(reversal.changes), by=by, why=why)
        if reversal.by_hand:
            raise typer.Exit(os.EX_CONFIG)
        if left := enable.remaining(_settings_of(invocation), place) if is_installed() else []:
            complain(f"{place} still asks Bouncegate: remove by hand: {', '.join(left)}")
            raise typer.Exit(os.EX_CONFIG)
        write_text(f"{place}: detached")


def _settings_of(invocation: Invocation) -> Settings:
    """The settings, or the defaults if they are broken: disabling must not depend on them."""
    try:
        return invocation.settings
    except ConfigError:
        return Settings()


def _own_folder() -> Path:
    from bouncegate.admin.postfix.command import PostfixError, ask  # noqa: PLC0415

    try:
        return Path(ask(None, "postconf", "-h", "config_directory").strip())
    except PostfixError as error:
        complain(str(error))
        forbidden = isinstance(error, PermissionError)
        raise typer.Exit(os.EX_NOPERM if forbidden else os.EX_UNAVAILABLE) from None
