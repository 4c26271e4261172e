"""`audit`: what operators changed, who they were, from where, and why."""

import time
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.views.audit import AuditView, audit_view, audits_of, names_of, place_of
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import WHEN, Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.table import write_table
from bouncegate.cli.times import period_of
from bouncegate.store.address import canonical
from bouncegate.store.errors import StoreMissing

_COLUMNS: Final = ("time", "by", "from", "command", "scope", "about", "why")
_SHOWN: Final = 3  # addresses in a table


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
            found = audits_of(store, key, first, end, oldest_first=oldest_first)
            views = (audit_view(one) for one in found if not by or by in names_of(one))
            if json:
                for view in views:
                    write_json(view)
            else:
                write_table(_COLUMNS, map(row_of, views))
    except StoreMissing as error:
        complain(str(error))


def row_of(view: AuditView) -> tuple[object, ...]:
    """A line of a table."""
    named = " ".join(view.addresses[:_SHOWN])
    more = view.count - len(view.addresses[:_SHOWN])
    whom = f"{named} and {more} more" if named and more else named or str(view.count)
    about = view.changed or whom
    return view.time, view.by, place_of(view), view.command, view.scope, about, view.why
