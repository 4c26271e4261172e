"""`lock` and `unlock`: what an operator does to addresses, kept with who, when and why."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from bouncegate.cli.addresses import AddressView, view_of
from bouncegate.cli.consent import Yes, require_consent
from bouncegate.cli.invocation import Invocation, invocation_of, operator
from bouncegate.cli.output import complain, iso, write_table
from bouncegate.config.durations import parse_duration
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.records import MOST_ADDRESSES, NO_END, Act, Origin
from bouncegate.store.address import canonical

Addresses = Annotated[
    list[str], typer.Argument(help="Addresses, or @domain for a whole domain.", show_default=False)
]
Why = Annotated[str, typer.Option(help="The reason, for those who ask later.")]
By = Annotated[str, typer.Option(help="Who asked for it.  [default: you]", show_default=False)]


def lock(
    context: typer.Context,
    addresses: Addresses,
    *,
    until: Annotated[
        str, typer.Option(help='A day such as "2027-01-31", or a duration such as "6 months".')
    ] = "",
    why: Why = "",
    by: By = "",
) -> None:
    """Lock addresses by hand; without --until the lock has no end."""
    invocation = invocation_of(context)
    now = int(time.time())
    end = end_of(until, now)
    keys = _keys(invocation, addresses)
    who = by or operator()
    acts = [Act(some, now, "lock", by=who, why=why, until=end) for some in _portions(keys)]
    with closing(invocation.open_store()) as store:
        store.act(acts, invocation.policy.fold)
    for key in keys:
        print(f"{key}: locked {'without end' if end == NO_END else f'until {iso(end)}'}")


def unlock(
    context: typer.Context,
    addresses: Addresses,
    *,
    yes: Yes = False,
    force: Annotated[bool, typer.Option("--force", help="Hard locks too.")] = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Lift locks; hard ones only with --force, or where [policy] unlock_hard allows it."""
    invocation = invocation_of(context)
    now = int(time.time())
    keys = _keys(invocation, addresses)
    with closing(invocation.open_store()) as store:
        views = [view_of(store, key, now) for key in keys]
        wanted = [view for view in views if _is_own_lock(view)]
        if wanted:
            _refuse_hard(invocation, wanted, force=force)
            _confirm(wanted, yes=yes)
            locked = [view.address for view in wanted]
            who = by or operator()
            acts = [Act(some, now, "unlock", by=who, why=why) for some in _portions(locked)]
            store.act(acts, invocation.policy.fold)
        for view in wanted:
            print(f"{view.address}: unlocked")


def end_of(text: str, now: int) -> int:
    """The end that `--until` names, in seconds since 1970."""
    if not text:
        return NO_END
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        try:
            end = parse_duration(text).after(now)
        except ValueError as error:
            raise typer.BadParameter(f'{error}; or a day, such as "2027-01-31"') from None
    else:
        end = int((day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp())
    if not now < end < NO_END:
        raise typer.BadParameter(f"{text!r} is not in the future, or later than the year 2105")
    return end


def _keys(invocation: Invocation, addresses: Sequence[str]) -> list[str]:
    fold = invocation.settings.store.fold_local_part
    return list(dict.fromkeys(canonical(address, fold=fold) for address in addresses))


def _portions(keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The addresses in order, as many to an act as one may name."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), MOST_ADDRESSES):
        yield tuple(ordered[start : start + MOST_ADDRESSES])


def _is_own_lock(view: AddressView) -> bool:
    if view.locked and view.lock_on != view.address:
        complain(f"{view.address}: only its domain is locked: unlock {view.lock_on}")
        return False
    if not view.locked:
        print(f"{view.address}: not locked")
    return view.locked


def _refuse_hard(invocation: Invocation, views: Sequence[AddressView], *, force: bool) -> None:
    """A hard bounce says that nobody is there: lifting the lock costs reputation."""
    if force or invocation.settings.policy.unlock_hard:
        return
    hard = [v for v in views if v.kind == Kind.HARD and v.origin == Origin.AUTOMATIC]
    for view in hard:
        complain(f"{view.address}: a hard lock ({view.reason}), until {view.until}: use --force")
    if hard:
        complain("nothing was unlocked")
        raise typer.Exit(os.EX_NOPERM)


def _confirm(views: Sequence[AddressView], *, yes: bool) -> None:
    if yes:
        return
    columns = ("address", "kind", "category", "reason", "since", "until")
    write_table(columns, ([getattr(view, column) for column in columns] for view in views))
    require_consent(f"Unlock {len(views)}?", "nothing was unlocked", yes=yes)
