"""The lists by state: an address on a wrong list is mailed again, or never again."""

import pytest

from bouncegate.admin.lists.listing import Listed, page
from bouncegate.admin.lists.row import RowFilters
from bouncegate.config.taxonomy import Category, Reason, ReportedKind
from bouncegate.policy.records import MOST_ADDRESSES, Act, Origin, Ruling
from bouncegate.store.store import Store

from .histories import BY_GROUP, DAY, NOW, POLICY, addresses, bounce, record, rows

FULL = Reason.MAILBOX_FULL


def test_past_its_threshold_an_address_is_locked_and_before_it_detected(store: Store) -> None:
    record(store, [bounce("hard@a.example"), bounce("soft@a.example", FULL)])
    assert addresses(store, "locked") == ["hard@a.example"]
    assert addresses(store, "detected") == ["soft@a.example"]
    record(store, [bounce("soft@a.example", FULL, number=n) for n in (1, 2)])
    assert addresses(store, "locked") == ["hard@a.example", "soft@a.example"]
    assert addresses(store, "detected") == []


def test_an_address_that_bounced_for_one_sender_is_predicted_for_the_others(store: Store) -> None:
    """The index is global: known to all, detected only for whom it bounced."""
    record(store, [bounce("soft@a.example", FULL, group="news"), bounce("b@a.example", FULL)])
    assert addresses(store, "detected", RowFilters(group="news")) == ["soft@a.example"]
    assert addresses(store, "predicted", RowFilters(group="news")) == ["b@a.example"]
    assert addresses(store, "predicted", RowFilters(group="shop")) == [
        "b@a.example",
        "soft@a.example",
    ]
    record(store, [bounce("soft@a.example", FULL, group="shop")])
    assert addresses(store, "predicted", RowFilters(group="shop")) == ["b@a.example"]


def test_a_lock_of_one_group_makes_the_address_predicted_for_the_others(store: Store) -> None:
    record(store, [bounce("ann@a.example", group="news")], BY_GROUP)
    (locked,) = rows(store, "locked")
    assert (locked.group, locked.reason, locked.until) == (
        "news",
        Reason.USER_UNKNOWN,
        locked.until,
    )
    assert addresses(store, "locked", RowFilters(group="news")) == ["ann@a.example"]
    assert addresses(store, "locked", RowFilters(group="shop")) == []
    (predicted,) = rows(store, "predicted")
    assert (predicted.group, predicted.why) == ("news", "locked for news")
    assert addresses(store, "predicted", RowFilters(group="shop")) == ["ann@a.example"]
    assert addresses(store, "predicted", RowFilters(group="news")) == []
    assert addresses(store, "detected") == []


def test_a_lock_whose_time_is_up_leaves_the_list_without_a_job(store: Store) -> None:
    record(store, [bounce("b@a.example"), bounce("soft@a.example", FULL)])
    later = NOW + 366 * DAY
    assert addresses(store, "locked", now=later) == []
    assert addresses(store, "detected", now=later) == ["b@a.example", "soft@a.example"]


def test_a_lock_by_hand_that_ended_leaves_nothing_detected(store: Store) -> None:
    store.act([Act(("ann@a.example",), NOW, "lock", by="root", until=NOW + DAY)], POLICY.fold)
    assert addresses(store, "locked") == ["ann@a.example"]
    assert addresses(store, "detected", now=NOW + 2 * DAY) == []


def test_so_many_locks_ended_that_they_are_not_gathered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"user{n:04}@a.example" for n in range(40)]
    record(store, [bounce(name) for name in names])
    later = NOW + 366 * DAY
    assert addresses(store, "detected", now=later) == names
    monkeypatch.setattr("bouncegate.store.lists._MOST_GATHERED", 10)
    assert addresses(store, "detected", now=later) == names
    assert addresses(store, "detected", after=names[30], now=later) == names[31:]


def test_pages_behind_one_another_are_the_whole_list(store: Store) -> None:
    names = sorted(f"user{n}@mail{n % 7}.example" for n in range(1300))
    record(store, [bounce(name, FULL) for name in names[::2]])
    record(store, [bounce(name) for name in names[1::2]])
    lists: tuple[tuple[Listed, list[str]], ...] = (
        ("detected", names[::2]),
        ("locked", names[1::2]),
    )
    for listed, whole in lists:
        found: list[str] = []
        while True:
            start = found[-1] if found else ""
            after = addresses(store, listed, after=start)[:99]
            if not after:
                break
            found += after
        assert found == whole


def test_a_page_behind_an_address_that_left_the_list_goes_on_in_its_order(store: Store) -> None:
    names = ["a@a.example", "b@a.example", "c@a.example"]
    record(store, [bounce(name, FULL, group="news") for name in names])
    numbers = store.history.find(lambda event: event.address == "b@a.example")
    store.void(numbers, Ruling("void", (), NOW, by="eve"), POLICY.fold)
    assert addresses(store, "predicted", RowFilters(group="shop"), after="b@a.example") == names[2:]


def test_a_page_never_ends_amid_an_address(store: Store) -> None:
    record(store, [bounce("a@a.example", group=g) for g in ("one", "two", "three")], BY_GROUP)
    record(store, [bounce("b@a.example", group="one")], BY_GROUP)
    found = page(iter(rows(store, "locked")), 1)
    assert [row.group for row in found] == ["one", "three", "two"]


def test_what_a_ruling_voids_leaves_every_list(store: Store) -> None:
    record(store, [bounce("ann@a.example"), bounce("soft@a.example", FULL)])
    store.void(store.history.find(lambda event: True), Ruling("void", (), NOW), POLICY.fold)
    assert addresses(store, "locked") == addresses(store, "detected") == []


def test_locks_by_hand_are_told_from_automatic_ones(store: Store) -> None:
    record(store, [bounce("auto@a.example")])
    store.act([Act(("hand@a.example",), NOW, "lock", by="root", why="asked")], POLICY.fold)
    assert [(r.address, r.origin, r.why) for r in rows(store, "locked")] == [
        ("auto@a.example", Origin.AUTOMATIC, ""),
        ("hand@a.example", Origin.MANUAL, "asked"),
    ]


SOUGHT: dict[str, tuple[RowFilters, list[str]]] = {
    "kind": (RowFilters(kind=ReportedKind.HARD), ["one@gmail.com", "two@b.example"]),
    "category": (RowFilters(category=Category.MAILBOX), ["three@gmx.de"]),
    "reason": (RowFilters(reason=Reason.MAILBOX_MOVED), ["two@b.example"]),
    "origin": (RowFilters(origin=Origin.MANUAL), []),
    "provider by event": (RowFilters(provider="google"), ["one@gmail.com"]),
    "domain": (RowFilters(domain="b.example"), ["two@b.example"]),
    "group": (RowFilters(group="news"), ["one@gmail.com"]),
    "mailing": (RowFilters(mailing="spring"), ["two@b.example"]),
    "since": (RowFilters(since=NOW - 2 * DAY), ["one@gmail.com", "three@gmx.de"]),
    "until": (RowFilters(until=NOW - 2 * DAY), ["two@b.example"]),
    "all together": (RowFilters(kind=ReportedKind.HARD, group="news", mailing="spring"), []),
}


@pytest.mark.parametrize(("filters", "found"), SOUGHT.values(), ids=SOUGHT)
def test_each_filter_narrows_the_list(store: Store, filters: RowFilters, found: list[str]) -> None:
    record(
        store,
        [
            bounce("one@gmail.com", group="news"),
            bounce("two@b.example", Reason.MAILBOX_MOVED, mailing="spring", time=NOW - 3 * DAY),
            *(bounce("three@gmx.de", FULL, number=n) for n in range(3)),
        ],
    )
    assert sorted(addresses(store, "locked", filters)) == sorted(found)


def test_a_detected_address_is_found_by_each_mailing_that_it_bounced_in(store: Store) -> None:
    spring = bounce("a@a.example", FULL, mailing="spring")
    summer = bounce("a@a.example", Reason.NO_ANSWER, number=1, mailing="summer")
    record(store, [spring, summer])
    (row,) = rows(store, "detected", RowFilters(mailing="spring"))
    assert (row.mailing, row.reason, row.soft) == ("spring", FULL, 2)
    (row,) = rows(store, "detected", RowFilters(reason=Reason.NO_ANSWER))
    assert row.mailing == "summer"


def test_an_import_of_many_is_listed_whole(store: Store) -> None:
    names = [f"user{n:05}@a.example" for n in range(MOST_ADDRESSES + 5)]
    acts = [
        Act(tuple(names[start : start + 1000]), NOW, "lock", by="root", origin=Origin.IMPORTED)
        for start in (0, 1000)
    ]
    store.act(acts, POLICY.fold)
    found = rows(store, "locked")
    assert [row.address for row in found] == names
    assert {row.origin for row in found} == {Origin.IMPORTED}
