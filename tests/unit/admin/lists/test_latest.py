"""Lists newest first: the rows of `list`, in another order, page by page and back."""

from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace
from tests.events import event_of
from tests.stores import open_store

from bouncegate.admin.lists.latest import By, Latest, LatestPage, LatestRows
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.config.durations import Duration
from bouncegate.config.settings import PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import NO_END, Act
from bouncegate.store.store import Bounce, Store

NOW: Final = 1_790_000_000
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY: Final = Policy(PolicySettings(), SIGNED)
LISTS: Final[tuple[Latest, ...]] = ("locked", "bounced", "detected")


def fill(store: Store) -> None:
    reasons = (Reason.USER_UNKNOWN, Reason.MAILBOX_FULL, Reason.SPAM_BLOCK)
    for number in range(45):
        address = f"u{number * 7 % 30:02}@a{number % 2}.test"
        event = event_of(address, NOW - 90_000 + number * 60, reasons[number % 3])
        store.record([Bounce([replace(event, identity=bytes([number]) * 16)], b"")], POLICY)
    some = tuple(f"v{number}@b.test" for number in range(6))
    store.act([Act(some, NOW - 50, "lock", "desk", until=NOW + 50)], POLICY.fold)
    store.act([Act((), NOW, "lock", "desk", until=NO_END, condition="")], POLICY.fold)


def listing_of(store: Store) -> Listing:
    return Listing(store, Providers.of(()), POLICY, NOW, Duration(months=3))


def pages(latest: LatestRows, listed: Latest, filters: RowFilters, by: By) -> list[LatestPage]:
    found = [latest.page(listed, filters, 4, by=by, seconds=60)]
    while (after := found[-1].after) is not None:
        found.append(latest.page(listed, filters, 4, by=by, start=after, seconds=60))
    return found


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("filters", [RowFilters(), RowFilters(domain="a1.test")])
def test_latest_pages_have_the_rows_of_the_list(
    tmp_path: Path, listed: Latest, filters: RowFilters
) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        listing = listing_of(store)
        latest = LatestRows(store, listing, NOW)
        rows = [row for page in pages(latest, listed, filters, "newest") for row in page.rows]
        expected = map(listing.with_blocked, listing.rows(listed, filters))
        assert sorted(rows, key=_key) == sorted(expected, key=_key)
        times = [row.since or 0 for row in rows]
        assert times == sorted(times, reverse=True)
        assert len(rows) > 4


def _key(row: Row) -> tuple[str, str]:
    return row.address, row.scope or ""


def test_latest_page_before_another_is_the_one_that_was_seen(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        latest = LatestRows(store, listing_of(store), NOW)
        seen = pages(latest, "bounced", RowFilters(), "newest")
        assert len(seen) > 3
        assert seen[0].before is None
        for page, one_before in zip(seen[1:], seen, strict=False):
            if page.rows:
                again = latest.page("bounced", RowFilters(), 4, start=page.before, back=True)
                assert again.rows == one_before.rows


def test_latest_by_end_begins_with_what_ends_next(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        latest = LatestRows(store, listing_of(store), NOW)
        rows = [r for p in pages(latest, "locked", RowFilters(), "next-end") for r in p.rows]
        assert [row.address for row in rows[:6]] == [f"v{number}@b.test" for number in range(6)]
        ends = [row.until or 0 for row in rows]
        assert ends == sorted(ends)
        assert len(rows) > 6


def test_latest_is_cut_where_time_is_up(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        some = [Act((f"w{n}@c.test",), NOW, "alive", "desk") for n in range(1100)]
        store.act(some, POLICY.fold)
        latest = LatestRows(store, listing_of(store), NOW)
        page = latest.page("locked", RowFilters(), 4, seconds=0)
        assert page.is_cut
        assert (page.rows, page.before) == ([], None)
        assert page.after is not None


@pytest.mark.parametrize("limit", [10, 15, 30])
def test_latest_no_page_is_empty_where_the_pages_before_hold_all(
    tmp_path: Path, limit: int
) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        latest = LatestRows(store, listing_of(store), NOW)
        page, sizes = latest.page("bounced", RowFilters(), limit, seconds=60), []
        sizes.append(len(page.rows))
        while page.after is not None:
            page = latest.page("bounced", RowFilters(), limit, start=page.after, seconds=60)
            sizes.append(len(page.rows))
        assert sizes == [limit] * (30 // limit)
