"""Sorted lists: in order, whole, and of any length; else the first page would lie."""

import random

import pytest

from bouncegate.admin.lists.row import Row
from bouncegate.admin.lists.sorting import Order, ordered

CHANCE = random.Random(7)
ROWS = [
    Row(
        f"user{n:04d}@{CHANCE.choice(('a', 'b', 'c'))}.example",
        CHANCE.choice(("locked", "detected")),
        since=CHANCE.randrange(50),
        until=CHANCE.choice((None, 7, 9)),
        hard=CHANCE.randrange(12),
        mailing=CHANCE.choice(("", "spring")),
    )
    for n in range(500)
]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", Order)
def test_every_order_is_kept_across_portions_and_loses_no_row(
    order: Order, descending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(ordered(ROWS, order, descending=descending))
    monkeypatch.setattr("bouncegate.admin.lists.externalsort._RUN", 64)
    monkeypatch.setattr("bouncegate.admin.lists.sorting.FEW", 64)
    assert list(ordered(iter(ROWS), order, descending=descending)) == whole
    assert sorted(row.address for row in whole) == sorted(row.address for row in ROWS)
    for limit in (3, 100):
        assert list(ordered(ROWS, order, descending=descending, limit=limit)) == whole[:limit]


def test_numbers_are_sorted_as_numbers_and_what_never_ends_ends_last() -> None:
    assert [row.hard for row in ordered(ROWS, Order.HARD)] == sorted(row.hard for row in ROWS)
    ends = [row.until for row in ordered(ROWS, Order.UNTIL)]
    assert ends == sorted((e for e in ends if e), key=int) + [None] * ends.count(None)


def test_rows_of_one_rank_stand_by_address() -> None:
    found = [row.address for row in ordered(ROWS, Order.MAILING)]
    cut = sum(row.mailing == "" for row in ROWS)
    assert found == sorted(found[:cut]) + sorted(found[cut:])
