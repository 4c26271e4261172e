"""`postfix enable`: changes Postfix's files, all or none, and tests both paths."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.cli.confirmation import can_ask
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.onrecord import put_on_record
from bouncegate.cli.operator import called
from bouncegate.cli.options import By, Why, Yes, with_groups
from bouncegate.cli.output import complain
from bouncegate.cli.postfix.remote import print_lines
from bouncegate.cli.postfix.running import (
    Folder,
    NoReload,
    confirm_changes,
    exclusive,
    is_running,
    read_or_exit,
    reload_daemons,
    reload_postfix,
    require_map,
)
from bouncegate.cli.postfix.signing import Signing, asked, options_of
from bouncegate.cli.sentences import write_text
from bouncegate.config.settings import DEFAULT_FILE, Settings
from bouncegate.config.text import printable

if TYPE_CHECKING:
    from bouncegate.admin.postfix.enable import Options, Proposal
    from bouncegate.admin.postfix.facts import Facts
    from bouncegate.admin.postfix.trial import Change

_WOULD_CHANGE: Final = 2


@with_groups
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
    signing: Signing,
    check: Annotated[
        bool, typer.Option("--check", help="Only show the change; exit code 2 if there is one.")
    ] = False,
    lines: Annotated[
        bool,
        typer.Option("--print", help="Print the lines for a Postfix on another host."),
    ] = False,
    quiet: NoReload = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Enable Bouncegate in Postfix.

    The change is shown first, for you to confirm. Then Postfix reloads, and both paths are tested.
    The milter starts by observing: it logs what it would refuse. With --enforce it refuses. If all
    senders are to be signed, you are asked whose mail to sign, and who gets bounces; the options
    --sign-domain, --sign-all and --return-to-sender answer that.

    Bouncegate's own settings go into conf.d/50-postfix-enable.toml beside the config file.

    Exit code 0: done, or nothing to do. 1: done, but a path does not answer. 2: with --check, there
    is something to do. 69: Postfix is not installed. 73: a file cannot be written. 77: this user
    may not do it. 78: a setting is not understood; what to do by hand is printed.

    Examples:

    bouncegate postfix enable

    bouncegate postfix enable --sign-domain news.example.com --enforce --yes

    bouncegate postfix enable -c /etc/postfix-out --check

    bouncegate postfix enable --print
    """
    from bouncegate.admin.postfix import enable  # noqa: PLC0415 - for one command only
    from bouncegate.admin.postfix.trial import summary  # noqa: PLC0415

    invocation = invocation_of(context)
    config = invocation.config or DEFAULT_FILE
    way = options_of(enable.Options(enforce=enforce, table=table), signing)
    if lines:
        print_lines(config, way)
        return
    facts = read_or_exit(folder, invocation.settings.return_path.domains.names)
    if check:
        raise typer.Exit(_check(config, facts, way))
    with exclusive(facts.folder):
        proposal = _proposed(config, facts, way)
        if _leaves_open(proposal, way, signing) and can_ask() and not yes:
            proposal = _proposed(config, facts, asked(way, signing), proposal.notes)
        if not proposal.changes:
            write_text(f"{facts.folder}: nothing to change, mode {proposal.mode}")
        else:
            if not quiet and (table or proposal.way.return_to_sender):
                require_map(proposal.settings)
            confirm_changes(proposal.changes, f"Make this change to {facts.folder}?", yes=yes)
            with _all_or_nothing(facts.folder, proposal.changes, config, quiet=quiet):
                _carry_out(folder, facts, proposal, config, quiet=quiet)
            write_text(f"{facts.folder}: attached, mode {proposal.mode}")
            command = called("postfix enable", [("postfix", folder)])
            put_on_record(invocation, command, summary(proposal.changes), by=by, why=why)
    if not quiet:
        _probe(folder, proposal.settings, proposal.mode)


def _proposed(
    config: Path, facts: "Facts", way: "Options", known: Collection[str] = ()
) -> "Proposal":
    """The change, with its notes shown, except those known.

    Ends the command if something must be done by hand first.
    """
    from bouncegate.admin.postfix import enable  # noqa: PLC0415

    proposal = enable.propose(config, facts, way)
    if proposal.conflicts:
        _print_by_hand(proposal)
        raise typer.Exit(os.EX_CONFIG)
    for note in proposal.notes:
        if note not in known:
            write_text(f"note: {note}")
    return proposal


def _leaves_open(proposal: "Proposal", way: "Options", signing: Signing) -> bool:
    """Whether all senders will be signed, which nobody has asked for."""
    from bouncegate.admin.postfix.enable import are_senders_not_told  # noqa: PLC0415

    answered = way.sign_all and signing.return_to_sender is not None
    return bool(proposal.edits) and are_senders_not_told(proposal.settings) and not answered


def _check(config: Path, facts: "Facts", way: "Options") -> int:
    """Show the change; returns the exit code."""
    from bouncegate.admin.postfix.trial import diff  # noqa: PLC0415

    proposal = _proposed(config, facts, way)
    for line in diff(proposal.changes):
        print(printable(line))
    if proposal.changes:
        return _WOULD_CHANGE
    write_text(f"{facts.folder}: nothing to change, mode {proposal.mode}")
    return os.EX_OK


def _carry_out(
    folder: Path | None, facts: "Facts", proposal: "Proposal", config: Path, *, quiet: bool
) -> None:
    from bouncegate.admin.postfix import enable  # noqa: PLC0415
    from bouncegate.admin.postfix.command import ask  # noqa: PLC0415

    enable.apply(facts.folder, proposal.changes)
    if not quiet:
        reload_daemons(proposal.changes, config)
        ask(facts.folder, "postfix", "check")
        reload_postfix(folder)


def _print_by_hand(proposal: "Proposal") -> None:
    complain("nothing was changed: do this by hand first")
    for text, fix in proposal.conflicts:
        write_text(f"  {text}")
        write_text(f"    -> {fix}")
    if proposal.edits:
        write_text("Then set:")
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
        write_text(f"probe: {seen.path}: {seen.text}")
    if any(seen.good is False for seen in found):
        raise typer.Exit(1)
