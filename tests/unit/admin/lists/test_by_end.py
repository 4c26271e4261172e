"""The first rows by the end of their locks are those of the whole list, sorted."""

import random
from collections.abc import Iterator

import pytest

from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.admin.lists.sorting import Order, ordered
from bouncegate.config.durations import Duration
from bouncegate.config.taxonomy import Reason, ReportedKind
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import NO_END, Act, Origin
from bouncegate.store.store import Store

from .histories import BY_GROUP, DAY, NOW, POLICY, bounce, record

FILTERS = [
    RowFilters(),
    RowFilters(reason=Reason.USER_UNKNOWN),
    RowFilters(origin=Origin.MANUAL),
    RowFilters(kind=ReportedKind.HARD),
    RowFilters(domain="a.example"),
    RowFilters(group="news"),
    RowFilters(for_group="shop"),
    RowFilters(mailing="spring"),
    RowFilters(since=NOW - 2 * DAY),
]


@pytest.fixture
def full(store: Store) -> Store:
    """Locks of all mail and of groups, with few different ends, some ended, some without end."""
    chance = random.Random(11)
    for number in range(120):
        name = f"user{number:03}@{chance.choice('ab')}.example"
        group, mailing = chance.choice(("", "news", "shop")), chance.choice(("", "spring"))
        time = NOW - DAY * chance.choice((1, 2, 3, 400))
        policy = chance.choice((POLICY, BY_GROUP))
        record(store, [bounce(name, time=time, group=group, mailing=mailing)], policy)
        if chance.random() < 0.3:
            until = chance.choice((NO_END, NOW + 5 * DAY, NOW + 6 * DAY, NOW - 1))
            group = chance.choice(("", "", "news"))
            lock = Act((name,), NOW - 2 * DAY, "lock", by="root", until=until, group=group)
            store.act([lock], POLICY.fold)
    return store


def _lists(store: Store) -> Iterator[tuple[RowFilters, list[Row], Listing]]:
    listing = Listing(store, Providers.of(), POLICY, NOW, Duration(months=3))
    for filters in FILTERS:
        yield filters, list(listing.rows("locked", filters)), listing


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 7, 40, 500])
def test_first_rows_by_end_are_those_of_the_sorted_list(
    full: Store, limit: int, descending: bool
) -> None:
    decided = 0
    for filters, whole, listing in _lists(full):
        assert whole, "a filter that leaves nothing tells nothing"
        found = listing.first_by_end(filters, limit, descending=descending)
        if found is None:
            continue
        decided += 1
        first = ordered(found, Order.UNTIL, descending=descending, limit=limit)
        assert list(first) == list(ordered(whole, Order.UNTIL, descending=descending, limit=limit))
    assert decided >= 3
