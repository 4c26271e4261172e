"""Rows sorted by a column, on the disk if there are many."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Final

from bouncegate.admin.lists.externalsort import SortedRuns
from bouncegate.admin.lists.row import Row

Key = Callable[[Row], tuple[object, ...]]

FEW: Final = 50_000
"""So many rows are sorted in memory."""
# Without an end, a row sorts last.
_NEVER: Final = 1 << 62


class Order(StrEnum):
    """The columns to sort by; equal rows are sorted by address."""

    ADDRESS = "address"
    STATE = "state"
    KIND = "kind"
    CATEGORY = "category"
    REASON = "reason"
    ORIGIN = "origin"
    SCOPE = "scope"
    PROVIDER = "provider"
    DOMAIN = "domain"
    GROUP = "group"
    MAILING = "mailing"
    SINCE = "since"
    UNTIL = "until"
    LAST_EVENT = "last-event"
    HARD = "hard"
    SOFT = "soft"
    BLOCKED = "blocked"


_KEYS: Final[dict[Order, Callable[[Row], object]]] = {
    Order.SINCE: lambda row: row.since or 0,
    Order.UNTIL: lambda row: _NEVER if row.until is None else row.until,
    Order.LAST_EVENT: lambda row: row.last_event,
    Order.HARD: lambda row: row.hard,
    Order.SOFT: lambda row: row.soft,
    Order.BLOCKED: lambda row: row.blocked,
    Order.KIND: lambda row: row.shown_kind or "",
    Order.DOMAIN: lambda row: row.address.rpartition("@")[2],
}


def ordered(
    rows: Iterable[Row], order: Order, *, descending: bool = False, limit: int = 0
) -> Iterator[Row]:
    """The sorted rows, at most `limit` (0: all); raises TemporaryFileError."""
    key = _key_of(order)
    if limit and limit <= FEW:
        yield from (nlargest if descending else nsmallest)(limit, rows, key)
        return
    with SortedRuns(rows, Row, key, descending=descending) as runs:
        yield from islice(runs, limit or None)


def _key_of(order: Order) -> Key:
    value = _KEYS.get(order)
    name = order.value
    if value is None:
        return lambda row: (str(getattr(row, name) or ""), row.address, row.scope or "")
    return lambda row: (value(row), row.address, row.scope or "")
