"""`postfix enable`: changes Postfix's files, all or none, and tests both paths."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.lineformat import printable
from bouncegate.cli.options import Yes
from bouncegate.cli.output import complain
from bouncegate.cli.postfix.running import (
    Folder,
    NoReload,
    confirm_changes,
    exclusive,
    is_running,
    read_or_exit,
    reload_daemons,
    reload_postfix,
)
from bouncegate.config.settings import DEFAULT_FILE, Settings

if TYPE_CHECKING:
    from bouncegate.admin.postfix.enable import Proposal
    from bouncegate.admin.postfix.trial import Change


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
    installed. 73: a file cannot be written. 77: this user may not do it. 78: a setting is not
    understood; what to do by hand is printed.

    Examples:

    bouncegate postfix enable

    bouncegate postfix enable -c /etc/postfix-out --enforce --yes
    """
    from bouncegate.admin.postfix import enable  # noqa: PLC0415 - for one command only
    from bouncegate.admin.postfix.command import ask  # noqa: PLC0415

    invocation = invocation_of(context)
    settings = invocation.settings
    config = invocation.config or DEFAULT_FILE
    way = enable.Options(enforce=enforce, table=table)
    facts = read_or_exit(folder, settings.return_path.domains.names)
    with exclusive(facts.folder):
        proposal = enable.propose(settings, config, facts, way)
        if proposal.conflicts:
            _print_by_hand(proposal)
            raise typer.Exit(os.EX_CONFIG)
        for note in proposal.notes:
            print(f"note: {note}")
        if not proposal.changes:
            print(f"{facts.folder}: nothing to change, mode {proposal.mode}")
        else:
            confirm_changes(proposal.changes, f"Make this change to {facts.folder}?", yes=yes)
            with _all_or_nothing(facts.folder, proposal.changes, config, quiet=quiet):
                enable.apply(facts.folder, proposal.changes)
                if not quiet:
                    reload_daemons(proposal.changes, config)
                    ask(facts.folder, "postfix", "check")
                    reload_postfix(folder)
            print(f"{facts.folder}: attached, mode {proposal.mode}")
    if not quiet:
        _probe(folder, settings, proposal.mode)


def _print_by_hand(proposal: "Proposal") -> None:
    complain("nothing was changed: do this by hand first")
    for text, fix in proposal.conflicts:
        print(f"  {printable(text)}\n    -> {printable(fix)}")
    if proposal.edits:
        print("Then set:")
        for edit in proposal.edits:
            print(f"  {printable(edit.command)}")


@contextmanager
def _all_or_nothing(
    folder: Path, changes: "tuple[Change, ...]", config: Path, *, quiet: bool
) -> Iterator[None]:
    """If a change fails half-way, restore files and daemons."""
    from bouncegate.admin.postfix import backup, enable, install  # noqa: PLC0415
    from bouncegate.admin.postfix.command import PostfixError  # noqa: PLC0415

    earlier = backup.load(folder)
    try:
        yield
    except (PostfixError, install.Edited, OSError, KeyboardInterrupt):
        try:
            enable.roll_back(folder, changes, earlier)
            if not quiet:
                reload_daemons(changes, config)
                reload_postfix(folder)
        except (PostfixError, install.Edited, OSError) as error:
            complain(f"not everything was restored: {error}: see `bouncegate postfix status`")
        else:
            complain("failed, and everything was restored:")
        raise


def _probe(folder: Path | None, settings: Settings, mode: str) -> None:
    """Test both paths; ends the command if one does not work."""
    from bouncegate.admin.postfix.probe import probe  # noqa: PLC0415

    if not is_running(folder):
        return
    found = list(probe(settings, read_or_exit(folder), folder, mode))
    for seen in found:
        print(f"probe: {seen.path}: {printable(seen.text)}")
    if any(seen.good is False for seen in found):
        raise typer.Exit(1)
