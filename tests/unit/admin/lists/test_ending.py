"""Who is free within a week: the number of the summary, and the list of exactly those."""

from contextlib import closing
from pathlib import Path
from typing import Final

from tests.stores import open_store
from tests.unit.admin.lists.test_latest import NOW, POLICY, listing_of

from bouncegate.admin.lists.census import SOON, Census
from bouncegate.admin.lists.latest import LatestRows
from bouncegate.admin.lists.prefilter import lock_prefilter
from bouncegate.admin.lists.row import RowFilters
from bouncegate.policy.records import NO_END, Act
from bouncegate.store.store import Store

DAY: Final = 86_400
WEEK: Final = RowFilters(ends_by=NOW + SOON)
SOON_FREE: Final = ["both@a.test", "day@a.test", "group@a.test", "last@a.test"]


def fill(store: Store) -> None:
    locks: tuple[tuple[str, int, str], ...] = (
        ("day@a.test", DAY, ""),
        ("last@a.test", SOON, ""),
        ("late@a.test", SOON + 1, ""),
        ("ever@a.test", NO_END - NOW, ""),
        ("over@a.test", -1, ""),
        ("group@a.test", 2 * DAY, "news.test"),
        ("both@a.test", DAY, ""),
        ("both@a.test", 3 * DAY, "news.test"),
        ("partly@a.test", DAY, "news.test"),
        ("partly@a.test", 30 * DAY, ""),
        ("@b.test", DAY, ""),
    )
    for address, seconds, group in locks:
        act = Act((address,), NOW - 60, "lock", "desk", until=NOW + seconds, group=group)
        store.act([act], POLICY.fold)
    many = tuple(f"m{number}@c.test" for number in range(90))
    for _ in range(20):  # behind the week there is much more
        act = Act(many, NOW - 60, "lock", "desk", until=NOW + 40 * DAY)
        store.act([act], POLICY.fold)


def test_ending_list_is_of_those_that_the_summary_counts(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        listing = listing_of(store)
        counted = Census(store, listing, NOW, lambda _: None, lambda: False).take().ending.total
        rows = list(listing.rows("locked", WEEK))
        assert sorted({row.address for row in rows}) == SOON_FREE
        assert counted == len(SOON_FREE)
        page = LatestRows(store, listing, NOW).page("locked", WEEK, 50, by="next-end", seconds=0)
        assert (page.after, page.is_cut) == (None, False), "it stops at the end of the week"
        assert [row.address for row in page.rows] == [
            *("day@a.test", "both@a.test", "group@a.test", "both@a.test", "last@a.test")
        ]


def test_ending_prefilter_passes_none_too_few(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        fill(store)
        passes = lock_prefilter(WEEK, NOW, ended=False)
        found = {key.decode() for key, record in store.lists.lock_records() if passes(key, record)}
        assert found == {*SOON_FREE, "@b.test"}
