"""Lists of addresses, page by page, and what is known of one."""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from msgspec import Meta, Struct
from starlette.responses import Response

from bouncegate.admin.lists.asking import RowsAsked, row_filters
from bouncegate.admin.lists.latest import Latest, LatestRows
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.views.addresses import AddressView
from bouncegate.admin.views.explanation import ExplanationView
from bouncegate.admin.views.rows import RowView, State, listing_of, row_view, rows_of
from bouncegate.store.places import Place
from bouncegate.web.api.given import Items, address_in, version_of
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.api.sight import address_of, group_of, history_of, require_all_mail, seen
from bouncegate.web.api.sight import shown_row as shown
from bouncegate.web.call import Call
from bouncegate.web.rights import Right

ListName = Literal["locked", "detected", "bounced", "predicted", "invalid", "stale"]
Order = Literal["newest", "address", "end"]
MOST_ROWS: Final = 1000

_LATEST: Final[dict[ListName, Latest]] = {
    "locked": "locked",
    "detected": "detected",
    "bounced": "bounced",
}
_OF_ALL_MAIL: Final = frozenset[ListName]({"predicted", "invalid", "stale"})
"""Lists that tell of addresses whoever mailed them."""


class ListQuery(RowsAsked, frozen=True, forbid_unknown_fields=True):
    """Which rows of which list."""

    state: ListName = "locked"
    order: Order | None = None
    """Null: "newest" where the list has that order, else "address"."""
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = 100
    """Addresses of a page: one may have several rows."""
    after: str = ""
    """`next` of the page before."""


class RowPage(Struct):
    """Some rows of a list."""

    items: list[RowView]
    next: str | None
    """What `after` is for the next page; null: there is none."""
    cut: bool = False
    """Whether time was up before the page was full: go on with `next`."""


class LockQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """For which mail."""

    group: str = ""
    """Only locks that stop the mail of this group."""


def filters_of(call: Call, asked: RowsAsked) -> RowFilters:
    """What the filters select, of what the token may see; raises Problem."""
    for group in filter(None, (asked.group, asked.for_group)):
        call.require(Right.READ, group)
    try:
        return seen(call, row_filters(call.site.installation, asked, call.now))
    except ValueError as error:
        raise refused("parameter", str(error)) from None


def get_list(call: Call, asked: ListQuery) -> Response:
    """One page."""
    if asked.state in _OF_ALL_MAIL:
        require_all_mail(call)
    filters = filters_of(call, asked)
    listing = listing_of(call.site.installation, call.site.store, call.now)
    order = asked.order or ("newest" if asked.state in _LATEST else "address")
    if order == "address":
        found = _by_address(listing, asked, filters)
    else:
        found = _by_place(call, listing, asked, filters, order)
    rows, after, is_cut = found
    view = RowPage([row_view(shown(call, row)) for row in rows], after or None, is_cut)
    return as_json(view, headers={"link": _links(call, after)})


def _by_address(
    listing: Listing, asked: ListQuery, filters: RowFilters
) -> tuple[list[Row], str, bool]:
    rows: list[Row] = []
    number = 0
    for row in rows_of(listing, State(asked.state), filters, asked.after):
        if not rows or row.address != rows[-1].address:
            if number == asked.limit:
                return rows, rows[-1].address, False
            number += 1
        rows.append(row)
    return rows, "", False


def _by_place(
    call: Call, listing: Listing, asked: ListQuery, filters: RowFilters, order: Order
) -> tuple[list[Row], str, bool]:
    listed = _LATEST.get(asked.state)
    if listed is None or (order == "end" and listed != "locked"):
        raise refused("parameter", f"the list {asked.state!r} has no order {order!r}")
    page = LatestRows(call.site.store, listing, call.now).page(
        listed,
        filters,
        asked.limit,
        by="newest" if order == "newest" else "next-end",
        start=_place(asked.after) if asked.after else None,
    )
    at = page.after
    return page.rows, f"{at.end}.{at.number}.{at.address}" if at else "", page.is_cut


def _place(text: str) -> Place:
    end, _, rest = text.partition(".")
    number, _, address = rest.partition(".")
    if not all(one.isascii() and one.isdecimal() and len(one) < 19 for one in (end, number)):
        raise refused("parameter", "after: this is no `next` of this order", parameter="after")
    if int(end) >= 1 << 32:
        raise refused("parameter", "after: this is no `next` of this order", parameter="after")
    return Place(int(end), int(number), address)


def _links(call: Call, after: str) -> str:
    """The first and the next page (RFC 8288)."""
    given = [(k, v) for k, v in call.request.query_params.multi_items() if k != "after"]
    path = call.request.url.path
    links = [f'<{path}?{urlencode(given)}>; rel="first"']
    if after:
        links.append(f'<{path}?{urlencode([*given, ("after", after)])}>; rel="next"')
    return ", ".join(links)


def get_address(call: Call) -> Response:
    """What is known; of an address of which nothing is, too."""
    address = address_in(call)
    version = version_of(call, address)  # read first: rather too old than too new
    return as_json(address_of(call, address), headers={"etag": version})


def get_history(call: Call) -> Response:
    """Everything that happened, step by step."""
    return as_json(history_of(call, address_in(call)))


def get_locks(call: Call, asked: LockQuery) -> Response:
    """The locks of one address in force."""
    address = address_in(call)
    if asked.group:
        group_of(call, Right.READ, asked.group)
    filters = filters_of(call, RowsAsked(for_group=asked.group))
    version = version_of(call, address)
    listing = listing_of(call.site.installation, call.site.store, call.now)
    found = map(listing.completed, listing.locks_of(address))
    view = Items([row_view(shown(call, row)) for row in found if filters.matches(row)])
    return as_json(view, headers={"etag": version})


OPERATIONS: Final = (
    Operation(
        "GET",
        "/addresses",
        get_list,
        Right.READ,
        "One page of a list",
        ListQuery,
        {200: RowPage},
        ("parameter",),
    ),
    Operation(
        "GET",
        "/addresses/{address:path}/history",
        get_history,
        Right.READ,
        "What happened to an address, and what came of it",
        answers={200: ExplanationView},
        problems=("address",),
    ),
    Operation(
        "GET",
        "/addresses/{address:path}",
        get_address,
        Right.READ,
        "What is known of an address",
        answers={200: AddressView},
        problems=("address",),
    ),
    Operation(
        "GET",
        "/locks/{address:path}",
        get_locks,
        Right.READ,
        "The locks of an address, or of @domain",
        LockQuery,
        {200: Items[RowView]},
        ("address",),
    ),
)
