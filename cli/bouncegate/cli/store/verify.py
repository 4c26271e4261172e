"""`store verify`: checks every record, and repairs what can be derived from the journal."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import printable
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.streams import finish_unread
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.store.tools.verify.difference import Difference

_BEFORE_REPAIR: Final = "before-repair-"


class DifferenceView(Struct):
    """One thing that verification has found."""

    table: str
    key: str
    problem: str
    remedy: str
    """`repair`: `verify --repair` rewrites it. `restore`: only a backup has it."""
    by_policy: bool
    """Whether a policy that has changed since would explain it."""


def verify(
    context: typer.Context,
    *,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Make a backup, then rewrite what can be derived."),
    ] = False,
    other_policy: Annotated[
        bool,
        typer.Option(
            "--other-policy",
            help="Ignore differences that a changed policy explains.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check every record and every address of the store.

    Every record must decode, and every address must match a replay of its journal under the current
    policy. After a policy change many addresses differ although nothing is wrong: see
    --other-policy. The daemons may run.

    --repair rewrites states, locks and indexes from the journal, under the current policy. Other
    damage needs a backup.

    Examples:

    bouncegate store verify

    bouncegate store verify --other-policy --json

    bouncegate store verify --repair
    """
    from bouncegate.store.tools.verify import verification  # noqa: PLC0415 - this command's alone

    invocation = invocation_of(context)
    settings, fold = invocation.settings, invocation.policy.fold
    if repair:
        finish_unread()
        _save_before_repair(invocation)
    store = (verification.repair if repair else verification.verify)(settings.store, fold)
    ledger = verification.verify_ledger(settings.store, settings.ledger)
    found = 0
    for difference in chain(store, _unless_missing(ledger)):
        if other_policy and difference.by_policy:
            continue
        found += not (repair and difference.repair)
        remedy = "restore" if difference.repair is None else "repair"
        view = DifferenceView(*difference[:3], remedy=remedy, by_policy=difference.by_policy)
        if json:
            write_json(view)
        else:
            done = "repaired" if repair and difference.repair else remedy
            print(printable(f"{view.table}: {view.key}: {view.problem} [{done}]"))
    if found:
        complain(
            f"{counted(found, 'difference')}. [repair]: `store verify --repair` repairs it; "
            "[restore]: restore a backup"
        )
        raise typer.Exit(os.EX_DATAERR)
    if not json:
        print(f"{settings.store.path}: no differences")


def _save_before_repair(invocation: Invocation) -> None:
    from bouncegate.store.tools.backup import Source, make_backup, remove_drafts  # noqa: PLC0415

    settings, now = invocation.settings.store, int(time.time())
    remove_drafts(settings.path, f"{_BEFORE_REPAIR}*")
    made_at = datetime.fromtimestamp(now, UTC)
    target = settings.path / f"{_BEFORE_REPAIR}{made_at:%Y%m%dT%H%M%SZ}"
    with closing(Store.open(settings, readonly=True)) as store:
        made = make_backup(Source(settings.path, store, None), target, now)
    complain(f"{made.path}: a backup of the store before the repair")


def _unless_missing(found: "Iterator[Difference]") -> "Iterator[Difference]":
    with suppress(StoreMissing):
        yield from found
