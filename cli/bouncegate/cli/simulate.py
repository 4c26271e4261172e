"""`simulate`: replays stored bounces under another config file or other rules."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.lists.scope import scope_text
from bouncegate.admin.views.values import iso
from bouncegate.cli.filters import BounceSince
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.table import write_table
from bouncegate.cli.times import time_of
from bouncegate.config.text import counted
from bouncegate.policy.records import Lock
from bouncegate.policy.simulation import Change, Rejudge, Simulation, Totals, as_judged
from bouncegate.store.installationmark import known_mark
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.classifier.returnpath.reclassification import Reclassification

_SHOWN: Final = 50
_COLUMNS: Final = ("address", "scope", "what", "kind", "reason", "until", "would be until")


class ChangeView(Struct):
    """One lock that would be another; times in UTC, ISO 8601."""

    address: str
    scope: str
    """Which mail the lock is for: `global` or `group:NAME`."""
    what: str
    """locked, freed, or ends (on another day)."""
    kind: str
    reason: str
    detail: str
    """The finest reason that is known."""
    until: str | None
    """As it is."""
    would_end: str | None
    """As it would be."""


def simulate(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The config file to try.  [default: the one in use]",
            readable=False,
        ),
    ] = None,
    since: BounceSince = "",
    json: Json = False,
) -> None:
    """Show what another config or other rules would have done.

    Stored bounces are replayed under its policy and rules, to show who would be locked, who free,
    and whose lock would end on another day. Nothing is changed. Bounces that the guard holds back
    or that are void stay so.

    Without --config, this is the config in use: a difference means that the policy or the rules
    have changed since those bounces came.

    Examples:

    bouncegate simulate --config new.toml --since "90 days"
    """
    invocation = invocation_of(context)
    other = Invocation(config) if config else invocation
    now = int(time.time())
    start = time_of(since, now)
    with closing(invocation.open_store(readonly=True)) as store:
        reclassification = _reclassification(invocation, other, store)
        rejudge: Rejudge = reclassification or as_judged
        policies = invocation.policy, other.policy
        simulation = Simulation(*policies, now, rejudge=rejudge, since=start)
        changes = _replayed(simulation, store)
        if json:
            for change in changes:
                write_json(_view(change))
            write_json(simulation.totals)
            return
        shown = [_row(change) for change in islice(changes, _SHOWN)]
        more = sum(1 for _ in changes)
    if shown:
        write_table(_COLUMNS, shown)
    if more:
        write_text(f"and {more} more (all of them: --json)")
    _conclude(simulation.totals, reclassification)


def _replayed(simulation: Simulation, store: Store) -> Iterator[Change]:
    for address, state, history in store.history.by_address():
        yield from simulation.replay(address, state, history)


def _reclassification(
    in_force: Invocation, other: Invocation, store: Store
) -> "Reclassification | None":
    """What classifies events by other rules; None where the rules are the same."""
    from bouncegate.classifier.classifier import Classifier  # noqa: PLC0415 - RE2 takes its time
    from bouncegate.classifier.returnpath.reclassification import Reclassification  # noqa: PLC0415
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    now, then = (load_rules(i.settings.rules.folder) for i in (in_force, other))
    mark = known_mark(in_force.settings.store.path)
    classifiers = Classifier(now, mark), Classifier(then, mark)
    return None if now == then else Reclassification(*classifiers, store.messages.get)


def _view(change: Change) -> ChangeView:
    lock = change.after or change.before
    assert lock is not None, "a change concerns a lock, before or after"
    return ChangeView(
        address=change.address,
        scope=scope_text(change.group),
        what=change.what,
        kind=lock.kind,
        reason=lock.reason.general,
        detail=lock.reason,
        until=_end(change.before),
        would_end=_end(change.after),
    )


def _end(lock: Lock | None) -> str | None:
    return iso(lock.until) if lock else None


def _row(change: Change) -> tuple[object, ...]:
    view = _view(change)
    fields = (view.address, view.scope, view.what, view.kind, view.detail)
    return (*fields, _told(change.before), _told(change.after))


def _told(lock: Lock | None) -> str:
    return "not locked" if lock is None else iso(lock.until) or "without end"


def _conclude(totals: Totals, reclassification: "Reclassification | None") -> None:
    write_text(
        f"{counted(totals.events, 'bounce')} of {counted(totals.addresses, 'address')}: "
        f"{counted(totals.locks_before, 'lock')} in force, {totals.locks_after} by the replay: "
        f"{totals.locked} would be locked, {totals.freed} freed, {totals.ends} would end on "
        "another day"
    )
    if totals.needs_another_day:
        write_text(
            f"{counted(totals.needs_another_day, 'address')} would not be locked yet: the bounces "
            "need a second one from another day"
        )
    if reclassification is not None:
        write_text(
            f"{counted(totals.rejudged, 'bounce')} would be classified differently; of "
            f"{reclassification.unread} the message is no longer kept, so that only the stored "
            "fields were classified"
        )
