"""Walks in the order of locks, bounces and ends: all, once, in both directions, bounded in time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.events import event_of
from tests.stores import open_store

from bouncegate.config.settings import PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.addressstate import locks_at
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Event
from bouncegate.store.places import Order, Place, Placed, Walked
from bouncegate.store.store import Bounce, Store

NOW = 1_790_000_000
DAY = 86_400
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY = Policy(PolicySettings(), SIGNED)
ORDERS: tuple[Order, ...] = ("newest-lock", "newest-bounce", "next-end")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Bounces, some of which lock, and acts on several addresses, one lifting some of the locks."""
    with closing(open_store(tmp_path)) as opened:
        for number in range(40):
            reason = Reason.USER_UNKNOWN if number % 3 else Reason.MAILBOX_FULL
            event = event_of(f"u{number % 25:02}@a.test", NOW - 40 * DAY + number * 3600, reason)
            event = replace(event, identity=bytes([number]) * 16)
            opened.record([Bounce([event], b"")], POLICY)
        some = tuple(f"v{number:02}@b.test" for number in range(15))
        opened.act([Act(some, NOW - DAY, "lock", "desk", until=NOW + DAY)], POLICY.fold)
        opened.act([Act(some[4:9], NOW - 60, "lock", "desk", until=NOW + 9 * DAY)], POLICY.fold)
        opened.act([Act(("u01@a.test", *some[:2]), NOW - 9, "unlock", "desk")], POLICY.fold)
        yield opened


def everything(_: Placed) -> bool:
    return True


def walked(store: Store, order: Order, limit: int) -> list[Placed]:
    """All pages of a walk, one behind the other."""
    found: list[Placed] = []
    start: Place | None = None
    while True:
        page = store.places.walk(order, everything, limit, start=start, seconds=60)
        assert len(page.found) <= limit
        found += page.found
        if page.next is None:
            return found
        start = page.next


def expected(store: Store, order: Order) -> list[tuple[int, int, str]]:
    """The same by looking at every address."""
    found: list[tuple[int, int, str]] = []
    for address in store.lists.names():
        state = store.addresses.get(address)
        assert state is not None
        entries = store.history.of_address(address)
        numbers = [number for number, entry, _ in entries if isinstance(entry, Event)]
        if order == "newest-bounce":
            found += [(0, -max(numbers), address)] if numbers else []
        elif state.lock is not None and order == "newest-lock":
            found.append((0, -state.lock.cause, address))
        elif state.lock is not None:
            found.append((state.lock.until, state.lock.cause, address))
    return sorted(found)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_places_of_all_pages_are_all_addresses_once_in_order(
    store: Store, order: Order, limit: int
) -> None:
    found = [(p.end, p.number, p.address) for p, _ in walked(store, order, limit)]
    sign = 1 if order == "next-end" else -1
    assert [(e, sign * n, a) for e, n, a in found] == expected(store, order)
    assert len(found) > 10


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("number", [1, 5, 12])
def test_places_before_one_are_those_that_came_before_it(
    store: Store, order: Order, number: int
) -> None:
    whole = walked(store, order, 1000)
    before = store.places.walk(
        order, everything, 4, start=whole[number].place, back=True, seconds=60
    )
    assert before.found == whole[max(number - 4, 0) : number][::-1]


def test_places_of_a_lock_that_was_lifted_or_made_again_are_gone(store: Store) -> None:
    found = {p.address: p for p, _ in walked(store, "newest-lock", 1000)}
    assert not {"u01@a.test", "v00@b.test", "v01@b.test"} & found.keys()
    assert found["v05@b.test"].number > found["v03@b.test"].number


def test_places_of_ends_begin_where_they_are_asked_to(store: Store) -> None:
    start = Place(NOW, 2**64 - 1, "")
    page = store.places.walk("next-end", everything, 1000, start=start, seconds=60)
    assert page.found
    assert all(one.place.end > NOW for one in page.found)
    assert all(locks_at(one.state, NOW) for one in page.found)


def test_places_go_on_where_the_deadline_cut_the_walk(store: Store) -> None:
    # More than are looked at within one portion.
    some = [Act((f"w{number}@c.test",), NOW, "alive", "desk") for number in range(1200)]
    store.act(some, POLICY.fold)
    cut = store.places.walk("newest-lock", everything, 50, seconds=0)
    assert cut == Walked([], cut.next, is_cut=True)
    found: list[Placed] = []
    while cut.next is not None:
        cut = store.places.walk("newest-lock", everything, 50, start=cut.next, seconds=0)
        found += cut.found
    assert found == walked(store, "newest-lock", 1000)


def test_beginning_finds_each_address_with_a_prefix_in_pages_both_ways(store: Store) -> None:
    names = [name for name in store.lists.names() if name.startswith("u1")]
    assert len(names) == 10
    pages = [store.lists.beginning("u1", 4)]
    while len(pages[-1]) == 4:
        pages.append(store.lists.beginning("u1", 4, after=pages[-1][-1]))
    assert [name for some in pages for name in some] == names
    assert store.lists.beginning("u1", 4, before=names[6]) == names[2:6]
    assert store.lists.beginning("u1", 4, before=names[2]) == names[:2]
    assert store.lists.beginning("zz", 4) == []
