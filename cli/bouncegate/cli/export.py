"""`export`: a list into a file, to be corrected in a spreadsheet or used elsewhere."""

import sys
import time
from contextlib import ExitStack, closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bouncegate.admin.installation import store_if_any
from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.views.person import person_of
from bouncegate.admin.views.rows import SHEET, State, listing_of, row_view, rows_of
from bouncegate.cli.filters import ListFilters
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import DialectOption, with_groups
from bouncegate.cli.outfile import writing
from bouncegate.cli.output import write_json, write_sheet
from bouncegate.cli.progress import watched
from bouncegate.store.address import canonical


class Format(StrEnum):
    """How a list is written."""

    CSV = "csv"
    JSON = "json"


@with_groups
def export(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="Export everything stored about this address, as JSON.",
            show_default=False,
        ),
    ] = "",
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file.", readable=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="The file format.")] = Format.CSV,
    with_id: Annotated[
        bool, typer.Option("--with-id", help='Add the id that "import --corrections" needs.')
    ] = False,
    state: Annotated[
        State, typer.Option(help='Which list: see "bouncegate list -h".')
    ] = State.LOCKED,
    filters: ListFilters,
    dialect: DialectOption = Dialect.RFC4180,
) -> None:
    """Write a list, or all about one address, as CSV or JSON.

    The CSV is safe to open in a spreadsheet.

    Examples:

    bouncegate export --with-id -o locked.csv

    bouncegate export --state detected --mailing spring --format json

    bouncegate export ann@example.com -o ann.json
    """
    now = int(time.time())
    invocation = invocation_of(context)
    if address:
        key = canonical(address, fold=invocation.settings.store.fold_local_part)
        with writing(output) as out, ExitStack() as stack:
            store_or_none = store_if_any(invocation, stack)
            write_json(person_of(invocation, store_or_none, key, now), out)
        return
    wanted = filters.wanted(invocation, now)
    with closing(invocation.open_store(readonly=True)) as store, writing(output) as out:
        rows = rows_of(listing_of(invocation, store, now), state, wanted)
        seen = output is None and sys.stdout.isatty()
        views = map(row_view, watched(rows, until_first=seen))
        if form is Format.CSV:
            write_sheet(out, ("id", *SHEET) if with_id else SHEET, views, dialect)
        else:
            for view in views:
                write_json(view, out)
