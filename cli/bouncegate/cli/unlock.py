"""`unlock`: locks are lifted, one or many or all that are meant, after a question."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from bouncegate.cli import filters
from bouncegate.cli.acts import By, OfFile, Why, carry_out, keys_of, portions, say_all
from bouncegate.cli.confirmation import address_to_notify, confirm_by_mail
from bouncegate.cli.consent import Yes, require_consent
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.listing import listing_of, view_of
from bouncegate.cli.operator import audit_of, operator
from bouncegate.cli.output import complain, write_table
from bouncegate.config.taxonomy import Kind
from bouncegate.lists.row import Row, Wanted
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Origin
from bouncegate.store.address import domain_of
from bouncegate.store.store import Store

_COLUMNS: Final = ("address", "kind", "category", "reason", "group", "since", "until")
_SHOWN: Final = 20


def unlock(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(help="Addresses, or @domain for a whole domain.", show_default=False),
    ] = None,
    *,
    file: OfFile = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that the options below ask for, together.")
    ] = False,
    kind: filters.OfKind = None,
    category: filters.OfCategory = None,
    reason: filters.OfReason = None,
    origin: filters.OfOrigin = None,
    provider: filters.OfProvider = "",
    domain: filters.OfDomain = "",
    group: filters.OfGroup = "",
    mailing: filters.OfMailing = "",
    since: filters.Since = "",
    until: filters.Before = "",
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Hard locks too.")] = False,
    notify: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Send a mail there when it is done.")
    ] = "",
    why: Why = "",
    by: By = "",
) -> None:
    """Lift locks; hard ones only with --force, or where [policy] unlock_hard allows it.

    What it would do is shown first. All are unlocked, or none.

    Examples:

    bouncegate unlock ann@example.com --why "mailbox was emptied"

    bouncegate unlock --all --kind soft --provider gmx --notify desk@example.com
    """
    if every == bool(addresses or file is not None):
        raise typer.BadParameter("name addresses or a --file of them, or --all with filters")
    invocation = invocation_of(context)
    now = int(time.time())
    recipient = address_to_notify(notify) if notify else ""
    wanted = filters.wanted(
        invocation,
        now,
        kind=kind,
        category=category,
        reason=reason,
        origin=origin,
        provider=provider,
        domain=domain,
        group=group,
        mailing=mailing,
        since=since,
        until=until,
    )
    with closing(invocation.open_store(readonly=dry_run)) as store:
        if every:
            rows = list(listing_of(invocation, store, now).rows("locked", wanted))
        else:
            keys = keys_of(invocation, addresses or [], file)
            rows = list(_rows_of(invocation, store, keys, wanted, now))
        if rows:
            _refuse_hard(invocation, rows, force=force)
            _show(rows, yes=yes and not dry_run)
        if not rows or dry_run:
            return
        require_consent(f"Unlock {_count(rows)}?", "nothing was unlocked", yes=yes)
        who = by or operator()
        done = sorted({row.address for row in rows})
        command = "unlock" + " --all" * every + " --force" * force
        audit = audit_of(command, now, by=who, why=why, targets=done)
        acts = _acts(rows, Act((), now, "unlock", who, why))
        carry_out(invocation, store, acts, len(rows), audit)
    say_all([f"{address}: unlocked" for address in done], "unlocked")
    if recipient:
        text = f"{len(done)} addresses were unlocked, as {who} asked.\n\n" + "\n".join(done[:1000])
        confirm_by_mail(recipient, f"Bouncegate: {len(done)} addresses unlocked", text)


def _rows_of(
    invocation: Invocation, store: Store, keys: Sequence[str], wanted: Wanted, now: int
) -> Iterator[Row]:
    """The locks in force of the addresses that were named; says what is no such lock."""
    listing = listing_of(invocation, store, now)
    for key in keys:
        rows = [row for row in listing.locks_of(key) if wanted.takes(row)]
        yield from rows
        of_domain = (store.state(f"@{domain_of(key)}") or EMPTY).lock
        if rows:
            continue
        if of_domain is not None and of_domain.in_force(now):
            complain(f"{key}: only its domain is locked: unlock @{domain_of(key)}")
        else:
            print(f"{key}: not locked")


def _acts(rows: Iterable[Row], act: Act) -> Iterator[Act]:
    """What lifts these locks: those for all groups with all others of an address, or one by one."""
    of_group: dict[str, list[str]] = {}
    for row in rows:
        of_group.setdefault(row.only_for, []).append(row.address)
    whole = set(of_group.pop("", ()))
    for some in portions(whole):
        yield replace(act, addresses=some)
    for group, addresses in sorted(of_group.items()):
        for some in portions(set(addresses) - whole):
            yield replace(act, addresses=some, group=group)


def _count(rows: Sequence[Row]) -> str:
    addresses = len({row.address for row in rows})
    return f"{addresses} address{'es' * (addresses != 1)}"


def _refuse_hard(invocation: Invocation, rows: Sequence[Row], *, force: bool) -> None:
    """A hard bounce says that nobody is there: lifting the lock costs reputation."""
    if force or invocation.settings.policy.unlock_hard:
        return
    hard = [row for row in rows if row.kind is Kind.HARD and row.origin is Origin.AUTOMATIC]
    for row in hard[:_SHOWN]:
        view = view_of(row)
        complain(f"{row.address}: a hard lock ({row.reason}), until {view.until}: use --force")
    if hard:
        complain(
            f"{_count(hard)} with hard locks: nothing was unlocked; --kind soft leaves them out"
        )
        raise typer.Exit(os.EX_NOPERM)


def _show(rows: Sequence[Row], *, yes: bool) -> None:
    if yes:
        return
    views = map(view_of, rows[:_SHOWN])
    write_table(_COLUMNS, ([getattr(view, column) for column in _COLUMNS] for view in views))
    if len(rows) > _SHOWN:
        print(f"... and {len(rows) - _SHOWN} more")
