"""Lines of the lists, as scripts, sheets and pages read them."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from bouncegate.admin.installation import Installation
from bouncegate.admin.lists.corrections import id_of
from bouncegate.admin.lists.listing import Listed, Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.lists.scope import scope_text
from bouncegate.admin.lists.sorting import FEW, Order
from bouncegate.admin.views.values import Counts, iso
from bouncegate.config.structs import struct_from
from bouncegate.store.store import Store

SHEET: Final = (
    "address", "state", "locked", "scope", "kind", "category", "reason", "detail", "origin",
    "group", "since", "until", "mailing", "provider", "hard", "soft", "blocked", "last_event",
    "why", "blame", "counts", "why_not", "in_row", "threshold", "bounces", "corrected_to", "text",
)  # fmt: skip
"""The columns of a sheet."""


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


def listing_of(installation: Installation, store: Store, now: int) -> Listing:
    """The lists of the store as they are now."""
    stale_after = installation.settings.lists.stale_after
    return Listing(store, installation.providers, installation.policy, now, stale_after)


def rows_of(
    listing: Listing, state: State, wanted: RowFilters, after: str = "", *, ended: bool = False
) -> Iterator[Row]:
    """The rows of one list or of all, one list behind the other, with what they count.

    Behind all lists come those that bounced and are on none of the first two.
    """
    yield from map(listing.with_blocked, _rows(listing, state, wanted, after, ended=ended))


def rows_to_sort(  # noqa: PLR0913 - a list, its filters, and an order
    listing: Listing,
    state: State,
    wanted: RowFilters,
    order: Order,
    limit: int,
    *,
    descending: bool,
    ended: bool,
) -> Iterator[Row]:
    """Rows of a list, among them the first `limit` in an order (0: all), for `ordered`.

    `Listing.with_blocked` then adds what is only needed to show them.
    """
    first: list[Row] | None = None
    if order is Order.UNTIL and state is State.LOCKED and not ended and 0 < limit <= FEW:
        first = listing.first_by_end(wanted, limit, descending=descending)
    rows = _rows(listing, state, wanted, "", ended=ended) if first is None else iter(first)
    yield from map(listing.with_blocked, rows) if order is Order.BLOCKED else rows


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


def row_view(row: Row) -> RowView:
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
