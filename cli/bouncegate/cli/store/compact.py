"""`store compact`: free pages go back to the disk."""

from contextlib import ExitStack, closing
from typing import Annotated

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.values import readable
from bouncegate.store.ledger import FOLDER as LEDGER_FOLDER
from bouncegate.store.store import Store
from bouncegate.store.writerlock import WriterLock


def compact(
    context: typer.Context,
    *,
    of_ledger: Annotated[
        bool, typer.Option("--ledger", help="Compact the ledger of sends, not the store.")
    ] = False,
    json: Json = False,
) -> None:
    """Give free space in the file back to the disk.

    First stop the daemons that write: bouncegate-return-path and bouncegate-maintain, for the
    ledger bouncegate-milter as well. Meanwhile mail is refused as always, and bounces wait in
    Postfix's queue.

    Examples:

    bouncegate store compact

    bouncegate store compact --ledger
    """
    from bouncegate.store.tools import compaction  # noqa: PLC0415 - this command's alone

    finish_unread()
    invocation = invocation_of(context)
    settings = invocation.settings.store
    folder = settings.path / LEDGER_FOLDER if of_ledger else settings.path
    with ExitStack() as stack:
        writer_lock = stack.enter_context(WriterLock.exclusive(folder))
        opened = invocation.open_ledger() if of_ledger else Store.open(settings, readonly=True)
        done = compaction.compact(folder, writer_lock, stack.enter_context(closing(opened)))
    if json:
        write_json({"path": str(folder), "before": done.before, "after": done.after})
    else:
        write_text(f"{folder}: {readable(done.before)} before, {readable(done.after)} after")
