"""`store restore`: a backup takes the place of the store."""

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace as replaced

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.store.layout import LAYOUT, layout_of, open_any_layout
from bouncegate.store.store import Store


def restore(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(metavar="BACKUP", help="A backup that `store backup` made.", readable=False),
    ],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the store that is there, and keep that aside."),
    ] = False,
    json: Json = False,
) -> None:
    """Restore a backup.

    The backup is checked as a whole before anything is changed. First stop the daemons that write:
    bouncegate-return-path, bouncegate-maintain and, if the backup has a ledger, bouncegate-milter.
    Daemons that only read switch to the restored store by themselves.

    Examples:

    bouncegate store restore /var/backups/bouncegate.tar.zst --replace
    """
    from bouncegate.store.tools import restore as restoring  # noqa: PLC0415 - this command's alone

    finish_unread()
    settings = invocation_of(context).settings.store

    def check(folder: Path) -> None:
        place = replaced(settings, path=folder)
        with closing(open_any_layout(place, readonly=True)) as environment:
            layout = layout_of(environment)
        if layout is None or layout >= LAYOUT:  # an older one is upgraded in its place
            Store.open(place, readonly=True).close()

    restored = restoring.restore(source, settings.path, int(time.time()), check, replace=replace)
    if json:
        write_json(
            {
                "manifest": restored.manifest,
                "kept": None if restored.kept is None else str(restored.kept),
                "left_alone": restored.left_alone,
            }
        )
        return
    write_text(f"{settings.path}: restored as of {restored.manifest.made}")
    if restored.kept is not None:
        write_text(f"{restored.kept}: the store from before; remove it when all is well")
    if restored.manifest.layout < LAYOUT:
        write_text(f"It has layout {restored.manifest.layout}: now run `bouncegate store upgrade`")
    for name in restored.left_alone:
        write_text(f"{settings.path / name}: kept, since it contains all that the backup has")
