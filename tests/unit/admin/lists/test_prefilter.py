"""What a filter spares: a screen that drops one address too many hides a lock from its operator."""

import pytest

from bouncegate.admin.lists.prefilter import screen_of_keys, screen_of_locks
from bouncegate.admin.lists.row import Wanted
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.policy.records import Act, Origin
from bouncegate.store.store import Store

from .histories import BY_GROUP, DAY, NOW, POLICY, bounce, record, rows

FULL = Reason.MAILBOX_FULL

FILTERS: dict[str, Wanted] = {
    "nothing": Wanted(),
    "kind": Wanted(kind=Kind.SOFT),
    "category": Wanted(category=Category.ADDRESS),
    "reason": Wanted(reason=Reason.MAILBOX_MOVED),
    "origin": Wanted(origin=Origin.MANUAL),
    "domain": Wanted(domain="b.example"),
    "since": Wanted(since=NOW - 2 * DAY),
    "until": Wanted(until=NOW - 2 * DAY),
    "a group": Wanted(group="news", kind=Kind.HARD),
    "nobody": Wanted(domain="b.example", origin=Origin.IMPORTED),
}


@pytest.fixture
def known(store: Store) -> Store:
    """Locks for all and for single groups, by bounces and by hand, in force and ended."""
    record(store, [bounce("one@a.example", group="news"), bounce("two@b.example")], BY_GROUP)
    record(store, [bounce("two@b.example", Reason.MAILBOX_MOVED, number=1, group="shop")], BY_GROUP)
    record(store, [bounce("three@b.example", FULL, number=n) for n in range(3)])
    record(store, [bounce("four@a.example", Reason.MAILBOX_MOVED, time=NOW - 3 * DAY)])
    store.act([Act(("five@b.example", "@b.example"), NOW, "lock", by="root")], POLICY.fold)
    store.act([Act(("six@a.example",), NOW, "lock", by="root", until=NOW + DAY)], POLICY.fold)
    return store


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_no_row_that_is_asked_for_is_spared(known: Store, wanted: Wanted, *, ended: bool) -> None:
    now = NOW + (2 * DAY if ended else 0)
    passed = dict(known.lists.locked(prefilter=screen_of_locks(wanted, now, ended=False)))
    asked_for = Wanted(group=wanted.group)
    expected = [r for r in rows(known, "locked", asked_for, now=now) if wanted.takes(r)]
    assert rows(known, "locked", wanted, now=now) == expected
    assert {row.address for row in expected} <= set(passed)


def test_the_states_of_others_are_not_read(known: Store) -> None:
    def passed(wanted: Wanted, now: int = NOW) -> set[str]:
        return set(dict(known.lists.locked(prefilter=screen_of_locks(wanted, now, ended=False))))

    assert passed(FILTERS["kind"]) == {"three@b.example"}
    assert passed(FILTERS["until"]) == {"four@a.example"}
    assert passed(FILTERS["nobody"]) == set()
    assert "six@a.example" in passed(Wanted())
    assert "six@a.example" not in passed(Wanted(), NOW + 2 * DAY)


def test_whoever_bounced_is_looked_at_in_one_domain_alone(store: Store) -> None:
    record(store, [bounce("ann@a.example", FULL), bounce("ann@b.example", FULL)])
    screen = screen_of_keys(Wanted(domain="b.example"))
    assert [a for a, _ in store.lists.bounced(NOW, prefilter=screen)] == ["ann@b.example"]
    (row,) = rows(store, "detected", Wanted(domain="b.example"))
    assert row.address == "ann@b.example"
