"""The rows of one list of Maintenance, as its filters, its search and its place ask for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams

from bouncegate.admin.lists.latest import Latest, LatestRows
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.views.rows import State, rows_of
from bouncegate.config.taxonomy import Reason, ReportedKind
from bouncegate.policy.records import Origin
from bouncegate.store.lastmailed import DAY
from bouncegate.store.places import Place
from bouncegate.store.store import Store
from bouncegate.web.call import Call
from bouncegate.web.page.tabs import BY_NAME, TABS, Tab
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right

PAGE: Final = 50
"""Rows a page."""
_LONGEST: Final = 400
"""Of what is asked for: an address has up to 320 characters, and a place two numbers more."""
FILTERS: Final = ("q", "kind", "reason", "provider", "group", "mailing", "origin", "ends")
_LATEST: Final[dict[State, Latest]] = {
    State.LOCKED: "locked",
    State.BOUNCED: "bounced",
    State.DETECTED: "detected",
}
_DIGITS: Final = 4
_T = TypeVar("_T")


@dataclass(frozen=True)
class ListQuery:
    """What the address of a list asks for; empty: nothing."""

    tab: Tab
    q: str = ""
    """An address, its beginning, or `@domain`."""
    kind: ReportedKind | None = None
    reason: Reason | None = None
    origin: Origin | None = None
    provider: str = ""
    group: str = ""
    mailing: str = ""
    ends: int = 0
    """Only addresses that are free within so many days; 0: all."""
    now: int = 0
    after: str = ""
    """The place behind which the page begins."""
    before: str = ""
    """The place before which it ends."""
    groups: frozenset[str] = frozenset()
    """Only what these groups may see; none: everything."""

    @property
    def filters(self) -> RowFilters:
        """The same as filters of rows; a search for a beginning is not among them."""
        kind, origin = self.kind, self.origin
        if self.tab.kind:  # as the number on the tab counts them
            kind, origin = ReportedKind(self.tab.kind), Origin.AUTOMATIC
        return RowFilters(
            kind=kind,
            reason=self.reason,
            origin=origin,
            provider=self.provider,
            domain=self.q[1:] if self.q.startswith("@") else "",
            group=self.group,
            mailing=self.mailing,
            seen_by=self.groups,
            ends_by=self.now + self.ends * DAY if self.ends else 0,
        )

    @property
    def beginning(self) -> str:
        """How addresses begin that are searched for."""
        return "" if self.q.startswith("@") else self.q

    def given(self) -> list[tuple[str, str]]:
        """The filters in force, by name."""
        values = ((name, getattr(self, name)) for name in FILTERS)
        return [(name, str(value)) for name, value in values if value]

    def path(self, page: str = "/recipients", /, **changes: str) -> str:
        """Where this list is, with some filters changed; an empty value takes one away."""
        fields = {"tab": self.tab.name, **dict(self.given()), **changes}
        return f"{page}?{urlencode({name: value for name, value in fields.items() if value})}"


@dataclass(frozen=True)
class ListPage:
    """Some rows, and the places before and behind them; empty: there is nothing."""

    rows: list[Row]
    before: str = ""
    after: str = ""
    is_cut: bool = False
    """Whether time was up before the page was full."""


def query_of(given: QueryParams, now: int) -> ListQuery:
    """The query of a list's address; raises Problem where a value means nothing."""
    tab = BY_NAME.get(given.get("tab") or TABS[0].name)
    if tab is None:
        raise Problem("not-found", "There is no such list.")
    return ListQuery(
        tab,
        q=_text(given, "q").lower(),
        kind=_member(given, "kind", ReportedKind),
        reason=_member(given, "reason", Reason),
        origin=_member(given, "origin", Origin),
        provider=_text(given, "provider"),
        group=_text(given, "group"),
        mailing=_text(given, "mailing"),
        ends=_days(given, tab),
        now=now,
        after=_text(given, "after"),
        before=_text(given, "before"),
    )


def query_for(call: Call, given: QueryParams | None = None) -> ListQuery:
    """The query of a request, of what whoever asks may see; raises Problem."""
    query = query_of(call.request.query_params if given is None else given, call.now)
    if not call.person.groups:
        return query
    if query.tab.state not in _LATEST:
        raise Problem("group", "This list is about all mail, and you are bound to groups.")
    if query.group:
        call.require(Right.READ, query.group)
    return replace(query, groups=call.person.groups)


def query_in(call: Call, path: str) -> ListQuery:
    """The query of the path of a list, or of its query alone; raises Problem."""
    return query_for(call, QueryParams(parse_qsl(path.partition("?")[2])))


def is_for(call: Call, tab: Tab) -> bool:
    """Whether a list is shown to whoever asks."""
    return not call.person.groups or tab.state in _LATEST


def page_of(store: Store, listing: Listing, now: int, query: ListQuery) -> ListPage:
    """One page of a list: newest first where the store knows that order; raises StoreError."""
    latest = _LATEST.get(query.tab.state)
    if latest is None or _is_one_range(query):
        return _in_order(listing, query)
    if query.beginning:
        return _beginning(store, listing, query)
    start = query.before or query.after
    found = LatestRows(store, listing, now).page(
        latest,
        query.filters,
        PAGE,
        by="next-end" if query.ends else "newest",
        start=_place(start) if start else None,
        back=bool(query.before),
    )
    before = _written(found.before) if found.before else ""
    return ListPage(found.rows, before, _written(found.after) if found.after else "", found.is_cut)


def _is_one_range(query: ListQuery) -> bool:
    """Whether the rows are those of one domain, and all else is seen without reading bounces.

    A domain may have half of all addresses: other filters take a walk that ends at its deadline.
    """
    told_by_bounces = any((query.group, query.mailing, query.groups))
    if query.tab.state is not State.LOCKED:
        told_by_bounces = any((told_by_bounces, query.kind, query.reason, query.provider))
    return query.q.startswith("@") and not told_by_bounces and not query.before


def matching(listing: Listing, query: ListQuery) -> Iterator[Row]:
    """All rows that a query asks for, in order of address; raises StoreError."""
    for row in rows_of(listing, query.tab.state, query.filters):
        if row.address.startswith(query.beginning):
            yield row


def _in_order(listing: Listing, query: ListQuery) -> ListPage:
    """A page of a list that has one order alone."""
    found: list[Row] = []
    for row in rows_of(listing, query.tab.state, query.filters, query.after):
        if not row.address.startswith(query.beginning):
            continue
        if len(found) == PAGE:
            return ListPage(found, after=found[-1].address)
        found.append(row)
    return ListPage(found)


def _beginning(store: Store, listing: Listing, query: ListQuery) -> ListPage:
    """A page of those whose addresses begin so, in order of address."""
    names = store.lists.beginning(query.beginning, PAGE + 1, after=query.after)
    read = _reader(listing, query)
    rows = [row for name in names[:PAGE] for row in read(name)]
    return ListPage(rows, after=names[PAGE - 1] if len(names) > PAGE else "")


def _reader(listing: Listing, query: ListQuery) -> Callable[[str], list[Row]]:
    """What reads the rows of one address that are on the list."""
    filters = query.filters
    if query.tab.state is State.LOCKED:
        return lambda name: [row for row in listing.locks_of(name) if filters.matches(row)]
    only_detected = query.tab.state is State.DETECTED
    return lambda name: listing.bounces_of(name, filters, only_detected=only_detected)


def _place(text: str) -> Place:
    """A place as a link has it; raises Problem."""
    end, _, rest = text.partition(".")
    number, _, address = rest.partition(".")
    if not all(one.isascii() and one.isdecimal() and len(one) <= 20 for one in (end, number)):
        raise Problem("request", f"{text[:40]!r} is no place in a list")
    return Place(int(end), int(number), address)


def _written(place: Place) -> str:
    return f"{place.end}.{place.number}.{place.address}"


def _text(given: QueryParams, name: str) -> str:
    return given.get(name, "").strip()[:_LONGEST]


def _days(given: QueryParams, tab: Tab) -> int:
    """Within how many days somebody is to be free; raises Problem."""
    text = given.get("ends", "")
    if not text:
        return 0
    is_number = text.isascii() and text.isdecimal() and len(text) < _DIGITS
    if tab.state is not State.LOCKED or not is_number or not int(text):
        raise Problem("request", f"ends: {text[:40]!r} is not one of its values")
    return int(text)


def _member(given: QueryParams, name: str, kind: type[_T]) -> _T | None:
    value = given.get(name, "")
    if not value:
        return None
    try:
        return kind(value)  # type: ignore[call-arg]
    except ValueError:
        raise Problem("request", f"{name}: {value[:40]!r} is not one of its values") from None
