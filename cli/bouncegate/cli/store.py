"""`store stats`, `backup`, `restore`, `compact`, `verify`, `upgrade`: the store as files."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct
from msgspec.structs import replace as replaced

from bouncegate.cli.addresses import Json
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import printable
from bouncegate.cli.output import complain, write_json, write_table
from bouncegate.config.values import readable
from bouncegate.store.environment import LAYOUT, layout_of, open_of_any_layout
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.lastbackup import LastBackup, note_backup
from bouncegate.store.ledger import FOLDER as LEDGER_FOLDER
from bouncegate.store.ledger import Ledger
from bouncegate.store.space import Space
from bouncegate.store.store import Store
from bouncegate.store.writerlock import WriterLock

if TYPE_CHECKING:
    from bouncegate.store.tools.verify.difference import Difference

app: Final = typer.Typer(no_args_is_help=True, help="The files of the store, and its room.")

_BEFORE_REPAIR: Final = "before-repair-"
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


@app.command("stats")
def stats(context: typer.Context, *, json: Json = False) -> None:
    """Show how much room store and ledger take, table by table, and who reads them.

    Slots of readers that have died are cleared.

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
    yield _view("store", settings.store.path, LAYOUT, store.check_readers(), store.room())
    ledger = ledger_of(invocation, stack)
    if ledger is not None:
        path = settings.store.path / LEDGER_FOLDER
        yield _view("ledger", path, None, ledger.check_readers(), ledger.room())


def ledger_of(invocation: Invocation, stack: ExitStack) -> Ledger | None:
    """The ledger for reading; None where there is none."""
    try:
        return stack.enter_context(closing(invocation.open_ledger()))
    except StoreMissing:
        return None


def _view(name: str, path: Path, layout: int | None, cleared: int, room: Space) -> RoomView:
    return RoomView(
        name=name,
        path=str(path),
        layout=layout,
        transactions=room.transactions,
        file=room.file,
        used=room.used,
        free=room.free,
        map_size=room.map_size,
        fill=round(room.fill, 4),
        disk_free=room.disk_free,
        readers=room.readers,
        reader_slots=room.most_readers,
        readers_cleared=cleared,
        reader_lag=room.lag,
        entries=room.entries,
        sizes=room.sizes,
    )


def _room_row(view: RoomView) -> tuple[object, ...]:
    sizes = map(readable, (view.file, view.used, view.free, view.map_size))
    return (view.name, *sizes, f"{view.fill:.1%}", readable(view.disk_free))


def _reader_row(view: RoomView) -> tuple[object, ...]:
    numbers = (view.transactions, view.readers, view.reader_slots, view.readers_cleared)
    return (view.name, *numbers, f"{view.reader_lag} transactions")


@app.command("backup")
def backup(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            help="A file if it ends in .tar or .tar.zst, else a folder; it must be new. With "
            "--keep, the folder in which backups lie."
        ),
    ],
    *,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Make a dated one in that folder, and delete older ones: so many stay.",
            show_default=False,
        ),
    ] = None,
    without_ledger: Annotated[
        bool, typer.Option("--without-ledger", help="Leave the ledger of sends out.")
    ] = False,
    json: Json = False,
) -> None:
    """Save the store, the ledger and the keys, while the daemons run.

    The backup holds the secrets that sign return paths: without them no bounce of the mail that is
    under way could be proven after a restore. Only its owner may read it.

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

    invocation, now = invocation_of(context), int(time.time())
    place = target
    if keep is not None:
        remove_drafts(target, NAMES)
        place = next_of(target, now)
    with ExitStack() as stack:
        settings = invocation.settings.store
        store = stack.enter_context(closing(Store.open(settings, readonly=True)))
        ledger = None if without_ledger else ledger_of(invocation, stack)
        made = make_backup(Source(settings.path, store, ledger), place, now)
    try:
        note_backup(settings.path, LastBackup(now, str(made.path)))
    except StoreError as error:
        complain(f"the backup is whole, but report health will not know of it: {error}")
    if keep is not None:  # only now that there is a new one
        thin_out(target, keep, made.path)
    if json:
        write_json({"path": str(made.path), "size": made.size, "manifest": made.manifest})
        return
    print(f"{made.path}: {readable(made.size)}, {made.manifest.messages} large messages")
    print("It holds the secrets that sign return paths: keep it as safe as the store.")


@app.command("restore")
def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="What `store backup` has made.")],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put aside the store that is there, and take its place."),
    ] = False,
    json: Json = False,
) -> None:
    """Bring a backup back. It is checked as a whole before anything is touched.

    The daemons that write must be stopped: bouncegate-return-path, bouncegate-maintain and, if the
    backup has a ledger, bouncegate-milter. Those that only read take the store up by themselves.

    Examples:

    bouncegate store restore /var/backups/bouncegate-2026-01-31.tar.zst --replace
    """
    from bouncegate.store.tools import restore as restoring  # noqa: PLC0415 - this command's alone

    settings = invocation_of(context).settings.store

    def check(folder: Path) -> None:
        place = replaced(settings, path=folder)
        with closing(open_of_any_layout(place, readonly=True)) as environment:
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
    print(f"{settings.path}: as it was at {restored.manifest.made}")
    if restored.kept is not None:
        print(f"{restored.kept} keeps what was there before: remove it when all is well")
    if restored.manifest.layout < LAYOUT:
        print(f"It has layout {restored.manifest.layout}: run `bouncegate store upgrade` now")
    for name in restored.left_alone:
        print(f"{settings.path / name} stays: it holds all that the backup has of it")


@app.command("compact")
def compact(
    context: typer.Context,
    *,
    of_ledger: Annotated[
        bool, typer.Option("--ledger", help="The ledger of sends, instead of the store.")
    ] = False,
    json: Json = False,
) -> None:
    """Give free pages back to the disk.

    The daemons that write must be stopped: bouncegate-return-path and bouncegate-maintain, for the
    ledger bouncegate-milter as well. Mail is refused meanwhile as always, and bounces wait in
    Postfix's queue.

    Examples:

    bouncegate store compact
    bouncegate store compact --ledger
    """
    from bouncegate.store.tools import compaction  # noqa: PLC0415 - this command's alone

    invocation = invocation_of(context)
    settings = invocation.settings.store
    folder = settings.path / LEDGER_FOLDER if of_ledger else settings.path
    with ExitStack() as stack:
        right = stack.enter_context(WriterLock.alone(folder))
        opened = invocation.open_ledger() if of_ledger else Store.open(settings, readonly=True)
        done = compaction.compact(folder, right, stack.enter_context(closing(opened)))
    if json:
        write_json({"path": str(folder), "before": done.before, "after": done.after})
    else:
        print(f"{folder}: {readable(done.before)} before, {readable(done.after)} after")


class DifferenceView(Struct):
    """One thing that verification has found."""

    table: str
    key: str
    problem: str
    remedy: str
    """`repair`: `verify --repair` writes it anew. `restore`: only a backup has it."""
    by_policy: bool
    """Whether a policy that has changed since would explain it."""


@app.command("verify")
def verify(
    context: typer.Context,
    *,
    mend: Annotated[
        bool,
        typer.Option("--repair", help="Make a backup, then write anew what can be derived."),
    ] = False,
    other_policy: Annotated[
        bool,
        typer.Option(
            "--other-policy",
            help="The policy has changed: what it would tell otherwise is no difference.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Prove the store: each record can be read, and each address is what its journal tells.

    The daemons may run. The journal is told anew by the policy in force: after a change of it,
    many addresses differ and nothing is wrong. --repair writes states, locks and indexes anew, from
    the journal and under that policy; what nothing else tells, only a backup has.

    Examples:

    bouncegate store verify
    bouncegate store verify --other-policy --json
    bouncegate store verify --repair
    """
    from bouncegate.store.tools.verify import verification  # noqa: PLC0415 - this command's alone

    invocation = invocation_of(context)
    settings, fold = invocation.settings, invocation.policy.fold
    if mend:
        _save_before_repair(invocation)
    store = (verification.repair if mend else verification.verify)(settings.store, fold)
    ledger = verification.verify_ledger(settings.store, settings.ledger)
    found = 0
    for difference in chain(store, _unless_missing(ledger)):
        if other_policy and difference.by_policy:
            continue
        found += not (mend and difference.mend)
        remedy = "restore" if difference.mend is None else "repair"
        view = DifferenceView(*difference[:3], remedy=remedy, by_policy=difference.by_policy)
        if json:
            write_json(view)
        else:
            done = "mended" if mend and difference.mend else remedy
            print(printable(f"{view.table}: {view.key}: {view.problem} [{done}]"))
    if found:
        complain(f"{found} differences, [repair]: `verify --repair` mends it, [restore]: a backup")
        raise typer.Exit(os.EX_DATAERR)
    if not json:
        print(f"{settings.store.path}: sound")


def _save_before_repair(invocation: Invocation) -> None:
    from bouncegate.store.tools.backup import Source, make_backup, remove_drafts  # noqa: PLC0415

    settings, now = invocation.settings.store, int(time.time())
    remove_drafts(settings.path, f"{_BEFORE_REPAIR}*")
    made_at = datetime.fromtimestamp(now, UTC)
    target = settings.path / f"{_BEFORE_REPAIR}{made_at:%Y%m%dT%H%M%SZ}"
    with closing(Store.open(settings, readonly=True)) as store:
        made = make_backup(Source(settings.path, store, None), target, now)
    complain(f"{made.path} keeps the store as it was")


def _unless_missing(found: "Iterator[Difference]") -> "Iterator[Difference]":
    with suppress(StoreMissing):
        yield from found


@app.command("upgrade")
def upgrade(context: typer.Context, *, json: Json = False) -> None:
    """Bring the store of an earlier version up to date, in its place, after a backup.

    All daemons must be stopped. The work is done on a copy, which is verified and then takes the
    place of the store at once: if anything fails, the store is as it was. The backup stays in the
    store's folder, as before-upgrade-...; the version that wrote the store can restore it. Locks
    stay as they are, even where the policy in force would not have made them. A store that is up to
    date is left alone.

    Examples:

    bouncegate store upgrade
    """
    from bouncegate.store.tools import upgrade as upgrading  # noqa: PLC0415 - this command's alone

    invocation = invocation_of(context)
    settings = invocation.settings.store
    done = upgrading.upgrade(settings, invocation.policy.fold, int(time.time()))
    if json:
        write_json(
            {
                "path": str(settings.path),
                "before": done.before,
                "layout": LAYOUT,
                "backup": None if done.backup is None else str(done.backup),
                "other_policy": done.other_policy,
            }
        )
        return
    if done.backup is None:
        print(f"{settings.path}: has layout {LAYOUT} already: nothing to do")
        return
    print(f"{settings.path}: layout {done.before} before, {LAYOUT} now, verified")
    print(f"{done.backup} keeps the store as it was: remove it when all is well")
    if done.other_policy:
        print(
            f"{done.other_policy} addresses were decided under another policy and stay so "
            "(`store verify --other-policy`)"
        )
