"""`list`: the addresses of a list, as a table, JSON or CSV."""

import sys
import time
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.lists.listing import page
from bouncegate.admin.lists.sorting import Order, ordered
from bouncegate.admin.views.rows import SHEET, State, listing_of, row_view, rows_of, rows_to_sort
from bouncegate.cli.filters import ListFilters
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Csv, DialectOption, Json, Limit, with_groups
from bouncegate.cli.output import complain, write_views
from bouncegate.cli.progress import watched
from bouncegate.store.address import canonical
from bouncegate.store.errors import StoreMissing

_COLUMNS: Final = (
    "address", "state", "kind", "category", "detail", "origin", "scope", "group", "since", "until",
    "why",
)  # fmt: skip

_BOUNCED: Final = (
    "address", "state", "kind", "category", "detail", "blame", "why_not", "row", "group", "since",
    "text",
)  # fmt: skip
"""The columns of a table of bounces."""
_NARROW: Final = ("address", "kind", "detail", "until")
_NARROW_ALL: Final = ("address", "state", "kind", "detail", "until")
_NARROW_BOUNCED: Final = ("address", "kind", "detail", "why_not", "row")
_NARROW_UNLOCKED: Final = ("address", "detail", "why")
"""The columns that matter: they fit into 80 columns of a terminal."""


@with_groups
def list_(
    context: typer.Context,
    *,
    state: Annotated[
        State,
        typer.Option(
            help="detected: bounces count, but none has locked it. bounced: every address that "
            "bounced, whatever came of it. predicted: bounced or locked for another "
            "group, or in a dead domain. invalid: cannot be delivered as it is written. "
            "stale: not mailed for a long time."
        ),
    ] = State.LOCKED,
    filters: ListFilters,
    ended: Annotated[
        bool, typer.Option("--ended", help="Also show locks that have ended.")
    ] = False,
    after: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Start after this address (paging).")
    ] = "",
    limit: Limit = 0,
    sort: Annotated[
        Order | None,
        typer.Option(
            metavar="COLUMN", help="Sort by this column, then by address.", show_default=False
        ),
    ] = None,
    descending: Annotated[
        bool, typer.Option("--descending", help="With --sort: the highest or latest first.")
    ] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="Show all columns; a pipe and a file always have them.")
    ] = False,
    json: Json = False,
    csv: Csv = False,
    dialect: DialectOption = Dialect.RFC4180,
) -> None:
    """List addresses by state.

    bounced has each address once, with its last bounce that the filters select, whether it counts,
    and why not.

    Sorted by address; stale ones by the day they were last mailed, invalid ones by domain.

    Examples:

    bouncegate list --kind soft --provider google --since "7 days"

    bouncegate list --sort until --limit 20

    bouncegate list --state bounced --limit 100 --after ann@example.com

    bouncegate list --state bounced --reason spam-block

    bouncegate list --for-group news.example.com
    """
    now = int(time.time())
    invocation = invocation_of(context)
    wanted = filters.wanted(invocation, now)
    if sort is None and descending:
        raise typer.BadParameter("--descending needs --sort")
    if sort is not None and after:
        raise typer.BadParameter("--after works only without --sort")
    start = canonical(after, fold=invocation.settings.store.fold_local_part) if after else ""
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            listing = listing_of(invocation, store, now)
            if sort is None:
                found = rows_of(listing, state, wanted, start, ended=ended)
                shown = page(watched(found, until_first=sys.stdout.isatty()), limit)
            else:
                # Rows that are sorted come all at once, at the end; others are seen on a terminal.
                found = rows_to_sort(
                    listing, state, wanted, sort, limit, descending=descending, ended=ended
                )
                rows = watched(found, until_first=False)
                first = ordered(rows, sort, descending=descending, limit=limit)
                shown = map(listing.with_blocked, first)
            write_views(
                map(row_view, shown),
                _columns(state, wide=wide or not sys.stdout.isatty()),
                json=json,
                csv=SHEET if csv else (),
                dialect=dialect,
            )
    except StoreMissing as error:
        complain(str(error))


def _columns(state: State, *, wide: bool) -> tuple[str, ...]:
    """What a table of a list shows."""
    if state in (State.DETECTED, State.BOUNCED):
        return _BOUNCED if wide else _NARROW_BOUNCED
    if wide:
        return _COLUMNS
    if state is State.ALL:
        return _NARROW_ALL
    return _NARROW if state is State.LOCKED else _NARROW_UNLOCKED
