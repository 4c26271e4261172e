"""What is taken out of the page as files: lists in CSV, one person's data, one bounce message."""

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse

from bouncegate.admin.lists.csvfile import CsvWriter, Dialect
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.views.person import person_of
from bouncegate.admin.views.rows import RowView, listing_of, row_view
from bouncegate.policy.records import Event
from bouncegate.web.api.sight import shown_row
from bouncegate.web.call import Call
from bouncegate.web.page.recipient import address_of
from bouncegate.web.page.recipientlist import matching, query_for
from bouncegate.web.page.selection import selected
from bouncegate.web.page.showing import words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route

COLUMNS: Final = (
    *("id", "address", "state", "scope", "kind", "category", "reason", "detail", "origin"),
    *("since", "until", "mailing", "group", "provider", "hard", "soft", "last_event", "text"),
)
"""With the id first, by which corrections of the sheet are recognised."""
_PORTION: Final = 500


def sheet(call: Call) -> Response:
    """The list as it is filtered, or the chosen addresses; for German sheets where one is asked."""
    given = call.request.query_params
    chosen = selected(call, given.getlist("a"))
    listing = listing_of(call.site.installation, call.site.store, call.now)
    query = query_for(call)
    rows: Iterable[Row] = matching(listing, query)
    if chosen:
        own = RowFilters(seen_by=call.person.groups)
        locks = (row for name in chosen for row in listing.locks_of(name))
        rows = (row for row in locks if own.matches(row))
    rows = (shown_row(call, row) for row in rows)
    dialect = Dialect.EXCEL_DE if words_for(call).code == "de" else Dialect.RFC4180
    return _attached(_csv(rows, dialect), f"{query.tab.name}.csv", "text/csv; charset=utf-8")


def person(call: Call) -> Response:
    """Everything that is stored about one address (GDPR, article 15)."""
    site, address = call.site, address_of(call)
    view = person_of(site.installation, site.store, address, call.now)
    return _attached([msgspec.json.encode(view)], "data.json", "application/json")


def message(call: Call) -> Response:
    """One bounce message as it came, never rendered."""
    address, number = address_of(call), call.request.path_params["number"]
    for entry_number, entry, _ in call.site.store.history.of_address(address):
        if str(entry_number) == number and isinstance(entry, Event) and entry.raw:
            call.require(Right.READ, entry.group)
            raw = call.site.store.messages.get(entry.raw)
            if raw is not None:
                return _attached([raw], f"bounce-{entry_number}.eml", "application/octet-stream")
    raise Problem("not-found", words_for(call).text("The message is no longer kept."))


def _csv(rows: Iterable[Row], dialect: Dialect) -> Iterator[bytes]:
    """The sheet in portions, so that a list of any length takes little memory."""
    text = io.StringIO(newline="")
    writer = CsvWriter(text, COLUMNS, dialect)
    left = iter(rows)
    while True:
        some = list(islice(left, _PORTION))
        for row in some:
            writer.write(_cells(row_view(row)))
        yield text.getvalue().encode()
        if len(some) < _PORTION:
            return
        text.seek(0)
        text.truncate()


def _cells(view: RowView) -> list[object]:
    return [getattr(view, name) for name in COLUMNS]


def _attached(octets: Iterable[bytes], name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(iter(octets), headers=headers, media_type=kind)


ROUTES: Final = (
    Route("/recipients.csv", sheet, right=Right.EXPORT, streams=True),
    Route("/recipients/{address:path}/data.json", person, right=Right.EXPORT, all_mail=True),
    Route("/recipients/{address:path}/messages/{number}", message, right=Right.READ),
)
