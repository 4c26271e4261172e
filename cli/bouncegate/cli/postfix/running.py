"""What the commands of `postfix` share: a Postfix, read, locked and reloaded."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.output import complain
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.settings import DEFAULT_FILE, Settings
from bouncegate.config.text import printable

if TYPE_CHECKING:
    from bouncegate.admin.postfix.facts import Facts
    from bouncegate.admin.postfix.trial import Change

Folder = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--postfix",
        help="Postfix's config_directory.  [default: the one of this machine]",
        metavar="FOLDER",
        show_default=False,
        file_okay=False,
        exists=True,
        resolve_path=True,
    ),
]


NoReload = Annotated[
    bool,
    typer.Option("--no-reload", help="Only write the files, for a Postfix that is not running."),
]


def read_or_exit(folder: Path | None, domains: Iterable[str] = ()) -> "Facts":
    """The settings of a Postfix; ends the command if they cannot be read."""
    from bouncegate.admin.postfix.command import PostfixError, is_installed  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import read  # noqa: PLC0415

    if not is_installed():
        complain("postconf not found: is Postfix installed?")
        raise typer.Exit(os.EX_UNAVAILABLE)
    try:
        return read(folder, domains)
    except PostfixError as error:
        complain(str(error))
        raise typer.Exit(_code_of(error, os.EX_CONFIG)) from None


def _code_of(error: Exception, otherwise: int) -> int:
    """That of missing rights, or another."""
    return os.EX_NOPERM if isinstance(error, PermissionError) else otherwise


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock a Postfix's files, and recover from a killed command first; errors end this one."""
    from bouncegate.admin.postfix import backup, install  # noqa: PLC0415
    from bouncegate.admin.postfix.command import PostfixError  # noqa: PLC0415

    finish_unread()
    try:
        with install.locked(folder):
            backup.recover(folder)
            yield
    except (PostfixError, install.Edited) as error:
        complain(str(error))
        raise typer.Exit(_code_of(error, os.EX_CONFIG)) from None
    except OSError as error:
        complain(f"{error.filename or folder}: {error.strerror or error}")
        raise typer.Exit(_code_of(error, os.EX_CANTCREAT)) from None


def confirm_changes(changes: "tuple[Change, ...]", question: str, *, yes: bool) -> None:
    """Show what will change, if this user may change it, and ask."""
    from bouncegate.admin.postfix.trial import diff  # noqa: PLC0415

    _require_root(one.path.parent for one in changes)
    for line in diff(changes):
        print(printable(line))
    require_consent(question, "nothing was changed", yes=yes)


def require_map(settings: Settings) -> None:
    """End the command if the map does not answer: all mail would wait for it."""
    from bouncegate.admin.doctor.daemons import check_map  # noqa: PLC0415
    from bouncegate.admin.doctor.findings import Severity  # noqa: PLC0415

    for found in check_map(settings):
        if found.severity not in (Severity.OK, Severity.FORBIDDEN):
            complain(f"nothing was changed: the map {found.text}; without it all mail would wait")
            write_text(f"  -> {found.fix}")
            raise typer.Exit(os.EX_CONFIG)


def _require_root(folders: Iterable[Path]) -> None:
    """Refuse a user who cannot replace files there; raises PostfixForbidden."""
    from bouncegate.admin.postfix.command import PostfixForbidden  # noqa: PLC0415

    for folder in folders:
        place = folder if folder.exists() else folder.parent  # that of drop-ins is made
        if os.geteuid() and not os.access(place, os.W_OK):
            raise PostfixForbidden(f"{folder}: you may not change its files: run as root")


def reload_postfix(folder: Path | None) -> None:
    from bouncegate.admin.postfix.command import ask  # noqa: PLC0415

    if is_running(folder):
        ask(folder, "postfix", "reload")


def is_running(folder: Path | None) -> bool:
    from bouncegate.admin.postfix.command import (  # noqa: PLC0415
        PostfixError,
        PostfixForbidden,
        ask,
    )

    try:
        ask(folder, "postfix", "status")
    except PostfixForbidden:
        raise
    except PostfixError:
        write_text("Postfix is not running: its files take effect when it starts")
        return False
    return True


def reload_daemons(changes: "Iterable[Change]", config: Path) -> None:
    """Let the daemons read their config, if that was changed."""
    from bouncegate.admin.postfix.ownconfig import drop_in_of  # noqa: PLC0415

    # Earlier versions changed the config file itself, which `disable` takes back.
    own = (config.resolve(), drop_in_of(config).resolve())
    if not any(one.path in own for one in changes):
        return
    units = (
        "bouncegate-milter", "bouncegate-return-path", "bouncegate-map", "bouncegate-maintain",
    )  # fmt: skip
    if config == DEFAULT_FILE and shutil.which("systemctl"):
        for unit in units:
            subprocess.run(["systemctl", "try-reload-or-restart", unit], check=False, timeout=60)
    else:
        write_text(f"{config} has changed: reload the daemons (SIGHUP)")
