"""`audit`: what operators changed, who they were, from where, and why."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import WHEN, Json
from bouncegate.cli.output import complain, iso, write_json
from bouncegate.cli.table import write_table
from bouncegate.cli.times import period_of
from bouncegate.config.structs import struct_from
from bouncegate.policy.records import Audit
from bouncegate.store.address import canonical
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store

_COLUMNS: Final = ("time", "by", "from", "command", "scope", "addresses", "why")
_SHOWN: Final = 3  # addresses in a table


class AuditView(Struct):
    """One change as scripts read it; the time in UTC, ISO 8601."""

    time: str | None
    command: str
    by: str
    """Who asked for it, by the option --by."""
    why: str
    addresses: tuple[str, ...]
    """Whom it was about; empty where they were too many to name."""
    count: int
    """How many addresses, or events of an undo."""
    scope: str
    """Which mail the locks stop that it made or lifted: `global`, `group:NAME` or `several`."""
    user: str
    uid: int
    login: str
    """Who had logged in, as the kernel knows it."""
    sudo: str
    tty: str
    client: str
    """The address of the SSH client."""
    host: str


def audit(
    context: typer.Context,
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help=f"Only changes made at this time or later: {WHEN}.")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Only changes made before this time.")
    ] = "",
    by: Annotated[
        str, typer.Option(metavar="NAME", help="Only changes by this person or user.")
    ] = "",
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Only changes to this address.")
    ] = "",
    oldest_first: Annotated[
        bool, typer.Option("--oldest-first", help="Show the oldest first.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what operators changed, the latest first.

    Each entry says who made the change, from where, when, and why.

    Examples:

    bouncegate audit --since "7 days" --by ann
    """
    invocation = invocation_of(context)
    now = int(time.time())
    first, end = period_of(since, until, now)
    key = canonical(address, fold=invocation.settings.store.fold_local_part) if address else ""
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            found = _found(store, key, first, end, oldest_first=oldest_first)
            views = (view_of(one) for one in found if not by or by in _names(one))
            if json:
                for view in views:
                    write_json(view)
            else:
                write_table(_COLUMNS, map(row_of, views))
    except StoreMissing as error:
        complain(str(error))


def _found(
    store: Store, address: str, first: int, end: int, *, oldest_first: bool
) -> Iterator[Audit]:
    if not address:
        return store.audits.entries(first, end, oldest_first=oldest_first)
    done = store.audits.of_address(address)
    digest = store.purged.digest_of(address)
    done += (one for one in store.audits.entries() if digest and one.purged == digest)
    some = (one for one in done if first <= one.time and (not end or one.time < end))
    return iter(sorted(some, key=lambda one: one.key, reverse=not oldest_first))


def _names(audit: Audit) -> tuple[str, ...]:
    return (audit.by, audit.user, audit.login, audit.sudo)


def view_of(audit: Audit) -> AuditView:
    """A record as scripts read it."""
    return struct_from(audit, AuditView, time=iso(audit.time), addresses=audit.targets)


def row_of(view: AuditView) -> tuple[object, ...]:
    """A line of a table."""
    named = " ".join(view.addresses[:_SHOWN])
    more = view.count - len(view.addresses[:_SHOWN])
    whom = f"{named} and {more} more" if named and more else named or str(view.count)
    return view.time, view.by, place_of(view), view.command, view.scope, whom, view.why


def place_of(view: AuditView) -> str:
    """Who typed it where: `root (ann) pts/3 192.0.2.7 mail.example.com`."""
    login = view.login or view.sudo
    who = f"{view.user} ({login})" if login not in ("", view.user) else view.user
    return " ".join(filter(None, (who, view.tty, view.client, view.host)))
