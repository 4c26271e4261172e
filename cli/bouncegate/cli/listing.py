"""`list`: the addresses of a list, as a table, JSON or CSV."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.lists.corrections import id_of
from bouncegate.admin.lists.listing import Listed, Listing, page
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.lists.scope import scope_text
from bouncegate.admin.lists.sorting import Order, ordered
from bouncegate.cli.filters import ListFilters
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Csv, Json, Limit, with_groups
from bouncegate.cli.output import Counts, complain, iso, write_views
from bouncegate.cli.progress import watched
from bouncegate.config.structs import struct_from
from bouncegate.store.address import canonical
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store

_COLUMNS: Final = (
    "address", "state", "kind", "category", "detail", "origin", "scope", "group", "since", "until",
    "why",
)  # fmt: skip
SHEET: Final = (
    "address", "state", "locked", "scope", "kind", "category", "reason", "detail", "origin",
    "group", "since", "until", "mailing", "provider", "hard", "soft", "blocked", "last_event",
    "why", "blame", "counts", "why_not", "in_row", "threshold", "bounces", "corrected_to", "text",
)  # fmt: skip
"""The columns of a sheet."""

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

_LISTS: Final[tuple[Listed, ...]] = ("locked", "detected", "predicted", "invalid", "stale")


class State(StrEnum):
    """The lists, as an option names them."""

    LOCKED = "locked"
    DETECTED = "detected"
    BOUNCED = "bounced"
    PREDICTED = "predicted"
    INVALID = "invalid"
    STALE = "stale"
    ALL = "all"


class RowView(Struct):
    """One line of a list as scripts read it; times in UTC, ISO 8601."""

    address: str
    state: str
    locked: bool
    scope: str | None
    """Which mail the lock stops: `global` or `group:NAME`; null without a lock."""
    kind: str | None
    category: str | None
    reason: str | None
    detail: str | None
    """The finest reason that is known."""
    origin: str | None
    group: str
    """The group of the bounce."""
    since: str | None
    until: str | None
    mailing: str
    provider: str
    hard: int
    """Hard bounces that count, without those that blame the sender."""
    soft: int
    blocked: int
    """Hard bounces that blame the sender, whether or not they count."""
    last_event: str | None
    why: str
    blame: str | None
    """Whom the bounce blames: recipient, path, sender or nobody."""
    counts: bool | None
    """Whether the bounce counts against the address; null: the row is about none."""
    why_not: str
    """Why it does not count, in the words of `explain`."""
    in_row: int
    """How many bounces that count are in a row."""
    threshold: int
    """How many in a row lock, by the policy in force; 0: none counts, or it was not asked."""
    bounces: Counts
    """How often it bounced, by kind/category, counted or not; only in lists of bounces."""
    corrected_to: str | None
    text: str
    """What the server said."""
    id: str
    """By which "import --corrections" knows the address again."""

    @property
    def row(self) -> str | None:
        """Bounces in a row, for people: `2 of 3`."""
        return f"{self.in_row} of {self.threshold}" if self.threshold else None


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
            found = rows_of(listing, state, wanted, start, ended=ended)
            # Rows that are sorted come all at once, at the end; others are seen on a terminal.
            rows = watched(found, until_first=sort is None and sys.stdout.isatty())
            if sort is None:
                shown = page(rows, limit)
            else:
                shown = ordered(rows, sort, descending=descending, limit=limit)
            write_views(
                map(view_of, shown),
                _columns(state, wide=wide or not sys.stdout.isatty()),
                json=json,
                csv=SHEET if csv else (),
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


def listing_of(invocation: Invocation, store: Store, now: int) -> Listing:
    """The lists of the store as they are now."""
    stale_after = invocation.settings.lists.stale_after
    return Listing(store, invocation.providers, invocation.policy, now, stale_after)


def rows_of(
    listing: Listing, state: State, wanted: RowFilters, after: str = "", *, ended: bool = False
) -> Iterator[Row]:
    """The rows of one list or of all, one list behind the other, with what they count.

    Behind all lists come those that bounced and are on none of the first two.
    """
    yield from map(listing.with_blocked, _rows(listing, state, wanted, after, ended=ended))


def _rows(
    listing: Listing, state: State, wanted: RowFilters, after: str, *, ended: bool
) -> Iterator[Row]:
    if ended and state is State.LOCKED:
        yield from listing.ended(wanted, after)
        return
    for listed in _LISTS:
        if state not in (State.ALL, State(listed)):
            continue
        yield from listing.rows(listed, wanted, after)
    if state is State.BOUNCED:
        yield from listing.rows("bounced", wanted, after)
    elif state is State.ALL:
        yield from listing.rest(wanted, after)


def view_of(row: Row) -> RowView:
    """A row as scripts read it."""
    return struct_from(
        row,
        RowView,
        kind=row.shown_kind,
        reason=row.reason and row.reason.general,
        detail=row.reason,
        locked=row.scope is not None and row.state != "ended",
        scope=None if row.scope is None else scope_text(row.scope),
        since=iso(row.since),
        until=iso(row.until),
        last_event=iso(row.last_event or None),
        bounces=Counts(row.bounces),
        corrected_to=row.corrected or None,
        id=id_of(row.address),
    )
