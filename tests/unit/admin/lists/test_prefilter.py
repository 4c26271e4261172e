"""What a filter spares: a screen that drops one address too many hides a lock from its operator."""

import pytest

from bouncegate.admin.lists.prefilter import key_prefilter, lock_prefilter
from bouncegate.admin.lists.row import RowFilters
from bouncegate.config.taxonomy import Category, Reason, ReportedKind
from bouncegate.policy.records import Act, Origin
from bouncegate.store.store import Store

from .histories import BY_GROUP, DAY, NOW, POLICY, bounce, record, rows

FULL = Reason.MAILBOX_FULL

FILTERS: dict[str, RowFilters] = {
    "nothing": RowFilters(),
    "kind": RowFilters(kind=ReportedKind.SOFT),
    "category": RowFilters(category=Category.ADDRESS),
    "reason": RowFilters(reason=Reason.MAILBOX_MOVED),
    "origin": RowFilters(origin=Origin.MANUAL),
    "domain": RowFilters(domain="b.example"),
    "since": RowFilters(since=NOW - 2 * DAY),
    "until": RowFilters(until=NOW - 2 * DAY),
    "a group": RowFilters(group="news", kind=ReportedKind.HARD),
    "nobody": RowFilters(domain="b.example", origin=Origin.IMPORTED),
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
@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_no_row_that_is_asked_for_is_spared(
    known: Store, filters: RowFilters, *, ended: bool
) -> None:
    now = NOW + (2 * DAY if ended else 0)
    passed = dict(known.lists.locked(prefilter=lock_prefilter(filters, now, ended=False)))
    asked_for = RowFilters(group=filters.group)
    expected = [r for r in rows(known, "locked", asked_for, now=now) if filters.matches(r)]
    assert rows(known, "locked", filters, now=now) == expected
    assert {row.address for row in expected} <= set(passed)


def test_the_states_of_others_are_not_read(known: Store) -> None:
    def passed(filters: RowFilters, now: int = NOW) -> set[str]:
        return set(dict(known.lists.locked(prefilter=lock_prefilter(filters, now, ended=False))))

    assert passed(FILTERS["kind"]) == {"three@b.example"}
    assert passed(FILTERS["until"]) == {"four@a.example"}
    assert passed(FILTERS["nobody"]) == set()
    assert "six@a.example" in passed(RowFilters())
    assert "six@a.example" not in passed(RowFilters(), NOW + 2 * DAY)


def test_whoever_bounced_is_looked_at_in_one_domain_alone(store: Store) -> None:
    record(store, [bounce("ann@a.example", FULL), bounce("ann@b.example", FULL)])
    prefilter = key_prefilter(RowFilters(domain="b.example"))
    assert [a for a, _ in store.lists.detected(NOW, prefilter=prefilter)] == ["ann@b.example"]
    (row,) = rows(store, "detected", RowFilters(domain="b.example"))
    assert row.address == "ann@b.example"
