"""`report unknown`: the replies that no rule understood, by how often they came."""

import time
from contextlib import closing
from itertools import islice
from typing import Annotated, Final

import typer

from bouncegate.admin.report.counting import Scope
from bouncegate.admin.report.reading import as_kept
from bouncegate.admin.views.unknown import ALL_TRUST, UnknownView, unknown_views, weak_rules
from bouncegate.cli.filters import BounceFilters
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Csv, Json, Limit, Unverified, with_groups
from bouncegate.cli.output import complain, write_views
from bouncegate.store.errors import StoreMissing

_COLUMNS: Final = ("bounces", "kind", "phase", "providers", "last", "ref", "text")


@with_groups
def unknown(
    context: typer.Context,
    *,
    filters: BounceFilters,
    codes: Annotated[
        bool, typer.Option("--codes", help="Also replies of which only the code was understood.")
    ] = False,
    unverified: Unverified = False,
    limit: Limit = 20,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show the most frequent replies that no rule understood.

    Replies are counted together if they differ only in addresses, hosts, numbers and ids, which are
    removed. Write a rule for a frequent one, or send it in.

    Examples:

    bouncegate report unknown --since "30 days"

    bouncegate report unknown --codes --provider gmx --json
    """
    now, invocation = int(time.time()), invocation_of(context)
    trust = ALL_TRUST if unverified else invocation.settings.return_path.count
    weak = weak_rules(invocation) if codes else frozenset[str]()
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            scope = Scope(as_kept(store, filters.wanted(invocation, now)), trust)
            views = islice(unknown_views(store, scope, weak), limit or None)
            write_views(
                views, _COLUMNS, json=json, csv=UnknownView.__struct_fields__ if csv else ()
            )
    except StoreMissing as error:
        complain(str(error))
