"""`store verify`: checks every record, and repairs what can be derived from the journal."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.store.tools.verify.difference import Difference

_BEFORE_REPAIR: Final = "before-repair-"
_MEANING: Final = {
    "policy": "nothing is wrong if [policy] has changed since; --other-policy ignores it, and "
    "--repair decides the address by the current policy",
    "repair": "`store verify --repair` repairs it",
    "restore": "restore a backup",
}
"""What each mark of a difference means."""


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
    policy. After a change of [policy], or of its defaults in a new version, addresses decided
    before differ although nothing is wrong: they are marked [policy]. The daemons may run.

    --repair rewrites states, locks and indexes from the journal, under the current policy. With
    --other-policy it leaves addresses marked [policy] as they are. Other damage needs a backup.

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
        store = verification.repair(settings.store, fold, other_policy=other_policy)
    else:
        store = verification.verify(settings.store, fold)
    ledger = verification.verify_ledger(settings.store, settings.ledger)
    left: Counter[str] = Counter()
    for difference in chain(store, _unless_missing(ledger)):
        if other_policy and difference.by_policy:
            continue
        remedy = "restore" if difference.repair is None else "repair"
        mark = "policy" if difference.by_policy else remedy
        is_repaired = repair and difference.repair is not None
        if not is_repaired:
            left[mark] += 1
        view = DifferenceView(*difference[:3], remedy=remedy, by_policy=difference.by_policy)
        if json:
            write_json(view)
        else:
            done = "repaired" if is_repaired else mark
            write_text(f"{view.table}: {view.key}: {view.problem} [{done}]")
    if left:
        complain(counted(left.total(), "difference"))
        for mark, meaning in _MEANING.items():
            if left[mark]:
                complain(f"{left[mark]} [{mark}]: {meaning}")
        raise typer.Exit(os.EX_DATAERR)
    if not json:
        write_text(f"{settings.store.path}: no differences")


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
