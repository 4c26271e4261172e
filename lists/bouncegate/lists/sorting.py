"""Rows in another order than the store's: sorted in portions on the disk, which are then merged.

A million rows take some hundred megabytes as objects; of the portions one is in memory at a time,
and then one row of each.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from heapq import merge, nlargest, nsmallest
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Final

import msgspec

from bouncegate.lists.row import Row

Key = Callable[[Row], tuple[object, ...]]

_PORTION: Final = 50_000
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Row).decode
_LENGTH: Final = 4
# What has no end ends last.
_NEVER: Final = 1 << 62


class Order(StrEnum):
    """What rows can be sorted by; then by address."""

    ADDRESS = "address"
    STATE = "state"
    KIND = "kind"
    CATEGORY = "category"
    REASON = "reason"
    ORIGIN = "origin"
    PROVIDER = "provider"
    DOMAIN = "domain"
    GROUP = "group"
    MAILING = "mailing"
    SINCE = "since"
    UNTIL = "until"
    LAST_EVENT = "last-event"
    HARD = "hard"
    SOFT = "soft"


_KEYS: Final[dict[Order, Callable[[Row], object]]] = {
    Order.SINCE: lambda row: row.since or 0,
    Order.UNTIL: lambda row: _NEVER if row.until is None else row.until,
    Order.LAST_EVENT: lambda row: row.last_event,
    Order.HARD: lambda row: row.hard,
    Order.SOFT: lambda row: row.soft,
    Order.DOMAIN: lambda row: row.address.rpartition("@")[2],
}


def ordered(
    rows: Iterable[Row], order: Order, *, descending: bool = False, limit: int = 0
) -> Iterator[Row]:
    """The rows in an order, at most so many of them (0: all); raises OSError."""
    key = _key_of(order)
    if limit and limit <= _PORTION:
        yield from (nlargest if descending else nsmallest)(limit, rows, key)
        return
    with ExitStack() as stack:
        portions = _portions(iter(rows), key, descending=descending)
        runs = [_read(stack.enter_context(file)) for file in portions]
        yield from islice(merge(*runs, key=key, reverse=descending), limit or None)


def _key_of(order: Order) -> Key:
    value = _KEYS.get(order)
    name = order.value
    if value is None:
        return lambda row: (str(getattr(row, name) or ""), row.address, row.group)
    return lambda row: (value(row), row.address, row.group)


def _portions(rows: Iterator[Row], key: Key, *, descending: bool) -> Iterator[IO[bytes]]:
    while portion := sorted(islice(rows, _PORTION), key=key, reverse=descending):
        file = TemporaryFile()  # noqa: SIM115 - the caller closes it
        for row in portion:
            octets = _ENCODE(row)
            file.write(len(octets).to_bytes(_LENGTH) + octets)
        file.seek(0)
        yield file


def _read(file: IO[bytes]) -> Iterator[Row]:
    while head := file.read(_LENGTH):
        yield _DECODE(file.read(int.from_bytes(head)))
