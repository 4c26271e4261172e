"""`store stats`: how much room store and ledger take, and who reads them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import typer
from msgspec import Struct

from bouncegate.admin.ledgers import ledger_if_any
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.table import write_table
from bouncegate.config.structs import struct_from
from bouncegate.config.text import counted
from bouncegate.config.values import readable
from bouncegate.store.layout import LAYOUT
from bouncegate.store.ledger import FOLDER as LEDGER_FOLDER
from bouncegate.store.space import Space
from bouncegate.store.store import Store

_TABLE_COLUMNS: Final = ("of", "table", "entries", "size")
_ROOM_COLUMNS: Final = ("of", "file", "in use", "free again", "map", "full", "disk free")
_READER_COLUMNS: Final = (
    "of",
    "last transaction",
    "readers",
    "slots",
    "cleared",
    "oldest is behind",
)


class RoomView(Struct):
    """One environment: sizes in octets."""

    name: str
    path: str
    layout: int | None
    """None: it has no layouts."""
    transactions: int
    file: int
    used: int
    free: int
    """The part of the file that is used again before it grows."""
    map_size: int
    fill: float
    disk_free: int
    readers: int
    reader_slots: int
    readers_cleared: int
    """Slots of readers that had died."""
    reader_lag: int
    """How many transactions the oldest reader is behind."""
    entries: dict[str, int]
    sizes: dict[str, int]


def stats(context: typer.Context, *, json: Json = False) -> None:
    """Show how much space store and ledger take.

    For each table, with the readers of the files. Slots of readers that died are cleared.

    Examples:

    bouncegate store stats --json
    """
    invocation = invocation_of(context)
    with ExitStack() as stack:
        views = list(_views(invocation, stack))
    if json:
        for view in views:
            write_json(view)
        return
    write_table(_ROOM_COLUMNS, map(_room_row, views))
    print()
    write_table(_READER_COLUMNS, map(_reader_row, views))
    print()
    tables = (
        (v.name, t, f"{n:,}", readable(v.sizes[t])) for v in views for t, n in v.entries.items()
    )
    write_table(_TABLE_COLUMNS, tables)


def _views(invocation: Invocation, stack: ExitStack) -> Iterator[RoomView]:
    settings = invocation.settings
    store = stack.enter_context(closing(Store.open(settings.store, readonly=True)))
    yield _view("store", settings.store.path, LAYOUT, store.check_readers(), store.space())
    ledger = ledger_if_any(invocation, stack)
    if ledger is not None:
        path = settings.store.path / LEDGER_FOLDER
        yield _view("ledger", path, None, ledger.check_readers(), ledger.space())


def _view(name: str, path: Path, layout: int | None, cleared: int, room: Space) -> RoomView:
    return struct_from(
        room,
        RoomView,
        name=name,
        path=str(path),
        layout=layout,
        fill=round(room.fill, 4),
        reader_slots=room.most_readers,
        readers_cleared=cleared,
        reader_lag=room.lag,
    )


def _room_row(view: RoomView) -> tuple[object, ...]:
    sizes = map(readable, (view.file, view.used, view.free, view.map_size))
    return (view.name, *sizes, f"{view.fill:.1%}", readable(view.disk_free))


def _reader_row(view: RoomView) -> tuple[object, ...]:
    numbers = (view.transactions, view.readers, view.reader_slots, view.readers_cleared)
    return (view.name, *numbers, counted(view.reader_lag, "transaction"))
