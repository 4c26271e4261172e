"""Pages of a list in the order of the store: the newest locks or bounces, or the next ends, first.

A page is read from a place on, in either direction, without a sort. A filter that matches little
makes the walk long: then the page comes with what was found until the deadline, and goes on.
"""

from typing import Final, Literal, NamedTuple

from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.store.places import Order, Place, Placed
from bouncegate.store.store import Store

By = Literal["newest", "next-end"]
Latest = Literal["locked", "bounced", "detected"]

_LAST: Final = 2**64 - 1


class LatestPage(NamedTuple):
    """Rows of one page, in the order in which they are shown."""

    rows: list[Row]
    """Those of one address are neighbours; they may be more than were asked for."""
    before: Place | None
    """Where the page before this one ends; None: this is the first page, or empty."""
    after: Place | None
    """Where the next page begins; None: there is none."""
    is_cut: bool
    """Whether time was up before the page was full."""


class LatestRows:
    """Reads such pages of one store."""

    def __init__(self, store: Store, listing: Listing, now: int) -> None:
        """As things are at `now`, like the listing."""
        self._store: Final = store
        self._listing: Final = listing
        self._now: Final = now

    def page(  # noqa: PLR0913 - a list, its filters, and where the page is
        self,
        listed: Latest,
        filters: RowFilters,
        limit: int,
        *,
        by: By = "newest",
        start: Place | None = None,
        back: bool = False,
        seconds: float = 0.3,
    ) -> LatestPage:
        """Up to `limit` addresses behind a place, or before it with `back`; raises StoreError.

        By the next end only of `locked`: locks without an end are not among them.
        """
        rows: dict[str, list[Row]] = {}

        def takes(placed: Placed) -> bool:
            of_address = self._rows(listed, placed, filters)
            if of_address:
                rows[placed.place.address] = of_address
            return bool(of_address)

        order = _order(listed, by)
        first = start
        if start is None and order == "next-end":
            start = Place(self._now, _LAST, "")
        walked = self._store.places.walk(
            order, takes, limit + 1,
            start=start, back=back, until=filters.ends_by, seconds=seconds,
        )  # fmt: skip
        # One more than is shown says whether there is another page.
        found, further = walked.found[:limit], walked.next if walked.is_cut else None
        if len(walked.found) > limit:
            further = found[-1].place
        found = found[::-1] if back else found
        shown = [row for one in found for row in rows[one.place.address]]
        ends = (found[0].place, found[-1].place) if found else (None, None)
        if back:
            before = further
            return LatestPage(shown, before, ends[1] or first, walked.is_cut)
        return LatestPage(shown, ends[0] if first is not None else None, further, walked.is_cut)

    def _rows(self, listed: Latest, placed: Placed, filters: RowFilters) -> list[Row]:
        """The rows of an address that match and are at this place."""
        address, state = placed.place.address, placed.state
        if listed == "locked":
            return self._listing.locked_at(address, state, filters, placed.place)
        if listed == "detected" and not self._listing.is_detected(address, state):
            return []
        return self._listing.last_bounce(address, state, filters)


def _order(listed: Latest, by: By) -> Order:
    if listed != "locked":
        return "newest-bounce"
    return "newest-lock" if by == "newest" else "next-end"
