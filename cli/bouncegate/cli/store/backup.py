"""`store backup`: store, ledger and keys in a file or a folder, while the daemons run."""

import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from bouncegate.admin.ledgers import ledger_if_any
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.text import counted
from bouncegate.config.values import readable
from bouncegate.store.errors import StoreError
from bouncegate.store.lastbackup import LastBackup, note_backup
from bouncegate.store.store import Store


def backup(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="A new file that ends in .tar or .tar.zst, or a new folder. With --keep: the "
            "folder that contains the backups.",
            readable=False,
        ),
    ],
    *,
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="Make a dated backup in that folder; keep this many, and delete older ones.",
            show_default=False,
        ),
    ] = None,
    without_ledger: Annotated[
        bool, typer.Option("--without-ledger", help="Leave out the ledger of sends.")
    ] = False,
    json: Json = False,
) -> None:
    """Back up store, ledger and keys while the daemons run.

    The backup contains the secrets that sign return paths: without them, bounces of mail under way
    cannot be proven after a restore. Only its owner can read it.

    Examples:

    bouncegate store backup /var/backups/bouncegate-$(date +%F).tar.zst

    bouncegate store backup --keep 7 /var/backups/bouncegate
    """
    from bouncegate.store.tools.backup import (  # noqa: PLC0415 - this command's alone
        Source,
        make_backup,
        remove_drafts,
    )
    from bouncegate.store.tools.series import NAMES, next_of, thin_out  # noqa: PLC0415

    finish_unread()
    invocation, now = invocation_of(context), int(time.time())
    place = target
    if keep is not None:
        remove_drafts(target, NAMES)
        place = next_of(target, now)
    with ExitStack() as stack:
        settings = invocation.settings.store
        store = stack.enter_context(closing(Store.open(settings, readonly=True)))
        ledger = None if without_ledger else ledger_if_any(invocation, stack)
        made = make_backup(Source(settings.path, store, ledger), place, now)
    try:
        note_backup(settings.path, LastBackup(now, str(made.path)))
    except StoreError as error:
        complain(f"the backup is complete, but not recorded for `report health`: {error}")
    if keep is not None:  # only now that there is a new one
        thin_out(target, keep, made.path)
    if json:
        write_json({"path": str(made.path), "size": made.size, "manifest": made.manifest})
        return
    write_text(
        f"{made.path}: {readable(made.size)}, {counted(made.manifest.messages, 'large message')}"
    )
    write_text("It contains the secrets that sign return paths: protect it like the store.")
