"""Bounces read portion by portion: none is told twice or left out, whatever comes meanwhile."""

import pytest

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Act, Ruling
from bouncegate.store import arrivals
from bouncegate.store.store import Bounce, Store

from .bounces import NOW, bounce_of, policy

POLICY = policy()
PORTION = 4
DAY = 86_400


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_PORTION", PORTION)


def come(store: Store, name: str, second: int) -> None:
    number = len(list(store.journal.entries()))
    event = bounce_of(name, number, NOW + second, Reason.MAILBOX_FULL)
    store.record([Bounce([event], b"")], POLICY)


def take_in(store: Store, number: int) -> list[str]:
    """So many bounces, one a second, of addresses of which every third one bounces twice."""
    names = [f"u{n:02}@x.test" for n in range(number) for _ in range(1 + (n % 3 == 0))]
    for n, name in enumerate(names):
        come(store, name, n)
    return names


@pytest.mark.parametrize("number", [0, 1, PORTION - 1, PORTION, PORTION + 1, 4 * PORTION])
def test_each_bounce_is_told_once_in_the_order_in_which_they_came(
    store: Store, number: int
) -> None:
    names = take_in(store, number)
    assert [found.event.address for found in store.arrivals.since()] == names
    by_address = {name: len(found) for name, found in store.arrivals.by_address()}
    assert by_address == {name: names.count(name) for name in names}
    assert list(by_address) == sorted(by_address)


def test_what_is_no_bounce_is_passed_over_wherever_a_portion_ends(store: Store) -> None:
    names = take_in(store, PORTION)
    everybody = tuple(sorted({*names, "act@x.test"}))
    for n in range(2 * PORTION):
        store.act([Act(everybody, NOW + 600 + n, "unlock", by="ann")], POLICY.fold)
    come(store, "last@x.test", 900)
    found = [one.event.address for one in store.arrivals.since()]
    assert found == [*names, "last@x.test"]
    assert {name for name, _ in store.arrivals.by_address()} == {*names, "last@x.test"}


def test_a_mark_is_told_of_the_bounce_that_bears_it(store: Store) -> None:
    take_in(store, 3 * PORTION)
    numbers = [one.number for one in store.arrivals.since()]
    void = {numbers[0], numbers[PORTION - 1], numbers[PORTION], numbers[-1]}
    store.void(sorted(void), Ruling("void", (), NOW + 600, by="ann"), POLICY.fold)
    assert {one.number for one in store.arrivals.since() if one.mark == "void"} == void
    each = [one for _, found in store.arrivals.by_address() for one in found]
    assert {one.number for one in each if one.mark == "void"} == void


def test_what_came_long_before_is_not_even_read(store: Store) -> None:
    for n in range(3 * PORTION):
        come(store, f"u{n}@x.test", n * 4 * DAY)
    found = [one.event.time for one in store.arrivals.since(NOW + 24 * DAY)]
    assert found[0] == NOW + 16 * DAY
    assert found[-1] == NOW + (3 * PORTION - 1) * 4 * DAY


@pytest.mark.parametrize("hours", range(1, 11))
def test_a_bounce_in_a_log_that_was_read_late_is_not_left_out(store: Store, hours: int) -> None:
    """The mail of ten hours came; then the log of the same hours was read, and mail went on."""
    hour = 3600
    for n in [*range(10), *range(10), 11, 12]:
        come(store, f"u{n}@x.test", 20 * DAY + n * hour)
    since = NOW + 20 * DAY + hours * hour
    found = [one.event.time for one in store.arrivals.since(since) if one.event.time >= since]
    assert len(found) == 2 * (10 - hours) + 2


def test_a_bounce_that_comes_meanwhile_is_neither_refused_nor_told_twice(store: Store) -> None:
    take_in(store, 2 * PORTION)
    found = store.arrivals.since()
    first = next(found).event
    come(store, "late@x.test", 900)
    rest = [one.event.address for one in found]
    assert rest.count("late@x.test") == 1
    assert first.address == "u00@x.test"


def test_all_is_kept_since_the_last_that_went(store: Store) -> None:
    assert store.arrivals.whole_since() == 0
    take_in(store, PORTION)
    assert store.retention.expire_entries(NOW + 3, NOW + 900, POLICY.fold) == 3
    assert store.arrivals.whole_since() == NOW + 2 + 1
    assert store.retention.expire_entries(NOW + 1, NOW + 900, POLICY.fold) == 0
    assert store.arrivals.whole_since() == NOW + 2 + 1, "it never goes back"
