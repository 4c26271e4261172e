"""`bouncegate postfix`: attaches Bouncegate to a Postfix, detaches it, and says how it stands."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import printable
from bouncegate.cli.options import Json, Yes
from bouncegate.cli.output import complain, write_json, write_table
from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from bouncegate.admin.postfix.coverage import Coverage
    from bouncegate.admin.postfix.enable import Proposal
    from bouncegate.admin.postfix.facts import Facts
    from bouncegate.admin.postfix.trial import Change

app = typer.Typer(no_args_is_help=True, help="Enable or disable Bouncegate in Postfix.")

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


@app.command("status")
def status(context: typer.Context, *, folder: Folder = None, json: Json = False) -> None:
    """Show what in Postfix asks Bouncegate, and what does not.

    Exit code 0: all that the settings ask for is enabled. 1: some mail passes without being checked
    or signed, or signing changes its route. 2: it is not enabled, or cannot work. 69: Postfix is
    not installed. 78: its config is wrong.

    Examples:

    bouncegate postfix status

    bouncegate postfix status -c /etc/postfix-out --json
    """
    from bouncegate.admin.postfix.coverage import coverage  # noqa: PLC0415 - for one command only

    settings = invocation_of(context).settings
    facts = _read(folder, settings.return_path.domains.names)
    found = list(coverage(settings, facts))
    code = code_of(found)
    undo = _undo_of(facts.folder)
    if json:
        views = [CoverageView(one.plane, one.subject, str(one.state), one.text) for one in found]
        version = facts.values.get("mail_version", "")
        mode = settings.milter.mode
        write_json(StatusView(str(facts.folder), version, mode, _STATES[code], undo, views))
    else:
        print(f"{facts.folder}: {_STATES[code]}, mode {settings.milter.mode}, undo: {undo}")
        rows = ((one.plane, one.subject or None, str(one.state), one.text) for one in found)
        write_table(("plane", "of", "", "what that means"), rows)
    raise typer.Exit(code)


_STATES: Final = {0: "attached", 1: "attached in part", 2: "not attached"}


def code_of(found: "list[Coverage]") -> int:
    """The exit code of a status."""
    # Mail of programs of this machine is judged where somebody asked for it, and no fault else.
    states = {str(one.state) for one in found if (one.plane, one.state) != ("local", "not-covered")}
    judged = {one.state for one in found if one.plane in ("milter", "map")}
    if "broken" in states or not judged & {"attached", "fragile"}:
        return 2
    return 0 if states <= {"attached", "off"} else 1


def _undo_of(folder: Path) -> str:
    """What disable could do."""
    from bouncegate.admin.postfix import backup, enable  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import PostfixError  # noqa: PLC0415

    try:
        reversal = enable.propose_reversal(folder)
    except (PostfixError, OSError):
        return "unknown"  # the copies are for root's eyes
    if reversal.by_hand:
        return "by-hand"
    return "exact" if backup.path_of(folder).exists() else "nothing"


def _read(folder: Path | None, domains: Iterable[str] = ()) -> "Facts":
    """The settings of a Postfix; ends the command where they cannot be read."""
    from bouncegate.admin.postfix.postconf import PostfixError, is_installed, read  # noqa: PLC0415

    if not is_installed():
        complain("postconf not found: is Postfix installed?")
        raise typer.Exit(os.EX_UNAVAILABLE)
    try:
        return read(folder, domains)
    except PostfixError as error:
        complain(str(error))
        raise typer.Exit(os.EX_CONFIG) from None


@app.command("enable")
def enable(
    context: typer.Context,
    *,
    folder: Folder = None,
    enforce: Annotated[
        bool, typer.Option("--enforce", help="Refuse at once, instead of only observing.")
    ] = False,
    table: Annotated[
        bool, typer.Option("--map", help="Also enable the lookup table: see docs/send-path.md.")
    ] = False,
    quiet: NoReload = False,
    yes: Yes = False,
) -> None:
    """Enable Bouncegate in Postfix.

    The change is shown first, for you to confirm. Then Postfix reloads, and both paths are tested.
    The milter starts by observing: it logs what it would refuse. With --enforce it refuses.

    Exit code 0: done, or nothing to do. 1: done, but a path does not answer. 69: Postfix is not
    installed. 73: a file cannot be written. 78: a setting is not understood; what to do by hand is
    printed.

    Examples:

    bouncegate postfix enable

    bouncegate postfix enable -c /etc/postfix-out --enforce --yes
    """
    from bouncegate.admin.postfix import enable  # noqa: PLC0415 - for one command only
    from bouncegate.admin.postfix.postconf import ask  # noqa: PLC0415

    invocation = invocation_of(context)
    settings = invocation.settings
    config = invocation.config or DEFAULT_FILE
    way = enable.Options(enforce=enforce, table=table)
    facts = _read(folder, settings.return_path.domains.names)
    with _safely(facts.folder):
        proposal = enable.propose(settings, config, facts, way)
        if proposal.conflicts:
            _print_by_hand(proposal)
            raise typer.Exit(os.EX_CONFIG)
        for note in proposal.notes:
            print(f"note: {note}")
        if not proposal.changes:
            print(f"{facts.folder}: nothing to change, mode {proposal.mode}")
        else:
            _agree(proposal.changes, f"Make this change to {facts.folder}?", yes=yes)
            with _all_or_nothing(facts.folder, proposal.changes, config, quiet=quiet):
                enable.apply(facts.folder, proposal.changes)
                if not quiet:
                    _reload_milter(proposal.changes, config)
                    ask(facts.folder, "postfix", "check")
                    _reload(folder)
            print(f"{facts.folder}: attached, mode {proposal.mode}")
    if not quiet:
        _probe(folder, settings, proposal.mode)


@app.command("disable")
def disable(
    context: typer.Context, *, folder: Folder = None, quiet: NoReload = False, yes: Yes = False
) -> None:
    """Disable Bouncegate in Postfix: restore its files.

    The locks stay in the store. If the files were edited since, only the lines of Bouncegate are
    removed, and only where that is unambiguous.

    Exit code 0: done, or nothing to do. 69: Postfix is not installed. 73: a file cannot be written.
    78: something must be removed by hand; it is printed.

    Examples:

    bouncegate postfix disable --yes
    """
    from bouncegate.admin.postfix import backup, enable  # noqa: PLC0415 - for one command only
    from bouncegate.admin.postfix.postconf import is_installed  # noqa: PLC0415

    invocation = invocation_of(context)
    place = folder or _own_folder()
    with _safely(place):
        reversal = enable.propose_reversal(place)
        for path, lines in reversal.by_hand:
            complain(f"{path} was edited since; take out of it by hand what names bouncegate_:")
            for line in lines:
                print(f"  {printable(line)}")
        if reversal.changes:
            _agree(reversal.changes, f"Make this change to {place}?", yes=yes)
        elif not backup.path_of(place).exists() and not reversal.by_hand:
            print(f"{place}: nothing was changed by `bouncegate postfix enable`")
            return
        enable.revert(place, reversal)
        if reversal.changes and not quiet:
            _reload(folder)
            _reload_milter(reversal.changes, invocation.config or DEFAULT_FILE)
        if reversal.by_hand:
            raise typer.Exit(os.EX_CONFIG)
        if left := enable.remaining(_settings_of(invocation), place) if is_installed() else []:
            complain(f"{place} still asks Bouncegate; take out by hand: {', '.join(left)}")
            raise typer.Exit(os.EX_CONFIG)
        print(f"{place}: detached")


def _settings_of(invocation: Invocation) -> Settings:
    """The settings; where they are broken the defaults, since detaching must not need them."""
    try:
        return invocation.settings
    except ConfigError:
        return Settings()


def _own_folder() -> Path:
    from bouncegate.admin.postfix.postconf import PostfixError, ask  # noqa: PLC0415

    try:
        return Path(ask(None, "postconf", "-h", "config_directory").strip())
    except PostfixError as error:
        complain(str(error))
        raise typer.Exit(os.EX_UNAVAILABLE) from None


@contextmanager
def _safely(folder: Path) -> Iterator[None]:
    """Alone with a Postfix's files, after what a kill has left was cleared up; errors are told."""
    from bouncegate.admin.postfix import backup, install  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import PostfixError  # noqa: PLC0415

    try:
        with install.locked(folder):
            backup.recover(folder)
            yield
    except (PostfixError, install.Edited) as error:
        complain(str(error))
        raise typer.Exit(os.EX_CONFIG) from None
    except OSError as error:
        complain(f"{error.filename or folder}: {error.strerror or error}")
        raise typer.Exit(os.EX_CANTCREAT) from None


def _print_by_hand(proposal: "Proposal") -> None:
    complain("nothing is changed, since this is to be done by hand first:")
    for text, fix in proposal.conflicts:
        print(f"  {printable(text)}\n    -> {printable(fix)}")
    if proposal.edits:
        print("What else is to be set:")
        for edit in proposal.edits:
            print(f"  {printable(edit.command)}")


def _agree(changes: "Iterable[Change]", question: str, *, yes: bool) -> None:
    from bouncegate.admin.postfix.trial import diff  # noqa: PLC0415

    for line in diff(tuple(changes)):
        print(printable(line))
    require_consent(question, "nothing is changed", yes=yes)


@contextmanager
def _all_or_nothing(
    folder: Path, changes: "tuple[Change, ...]", config: Path, *, quiet: bool
) -> Iterator[None]:
    """Take a change back, also from what runs, where it fails half-way."""
    from bouncegate.admin.postfix import backup, enable, install  # noqa: PLC0415
    from bouncegate.admin.postfix.postconf import PostfixError  # noqa: PLC0415

    earlier = backup.load(folder)
    try:
        yield
    except (PostfixError, install.Edited, OSError, KeyboardInterrupt):
        try:
            enable.roll_back(folder, changes, earlier)
            if not quiet:
                _reload_milter(changes, config)
                _reload(folder)
        except (PostfixError, install.Edited, OSError) as error:
            complain(f"not all could be taken back: {error}: see `bouncegate postfix status`")
        else:
            complain("it has failed, and all of it was taken back:")
        raise


def _reload(folder: Path | None) -> None:
    from bouncegate.admin.postfix.postconf import ask  # noqa: PLC0415

    if _runs(folder):
        ask(folder, "postfix", "reload")


def _runs(folder: Path | None) -> bool:
    from bouncegate.admin.postfix.postconf import PostfixError, ask  # noqa: PLC0415

    try:
        ask(folder, "postfix", "status")
    except PostfixError:
        print("Postfix does not run: what its files say holds from its start on")
        return False
    return True


def _probe(folder: Path | None, settings: Settings, mode: str) -> None:
    """Show that both paths work; ends the command where one does not."""
    from bouncegate.admin.postfix.probe import probe  # noqa: PLC0415

    if not _runs(folder):
        return
    found = list(probe(settings, _read(folder), folder, mode))
    for seen in found:
        print(f"probe: {seen.path}: {printable(seen.text)}")
    if any(seen.good is False for seen in found):
        raise typer.Exit(1)


def _reload_milter(changes: "Iterable[Change]", config: Path) -> None:
    """Let the milter read its config, if that was changed."""
    if not any(one.path == config.resolve() for one in changes):
        return
    units = ("bouncegate-milter", "bouncegate-map", "bouncegate-maintain")
    if config == DEFAULT_FILE and shutil.which("systemctl"):
        for unit in units:
            subprocess.run(["systemctl", "try-reload-or-restart", unit], check=False, timeout=60)
    else:
        print(f"{config} has changed: reload milter, map and maintain (SIGHUP)")
