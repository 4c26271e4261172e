"""What verification finds, and how the tables are walked for it.

Tables that belong together change in one transaction. So what is read within one must agree, and a
store can be verified while the daemons write: each portion is read in a transaction of its own,
which leaves no page from being used again for long, and only a portion is ever held in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

import lmdb

from bouncegate.store.environment import Environment

PORTION: Final = 500

Repair = Callable[["lmdb.Transaction[bytes]"], None]
"""Recomputes a derived record."""


class Difference(NamedTuple):
    """Two things that should agree and do not, or a record that cannot be read."""

    table: str
    key: str
    problem: str
    repair: Repair | None = None
    """None: nothing in the store tells what it should be; only a backup does."""
    by_policy: bool = False
    """Whether a policy that has changed since would explain it."""


def portions(
    environment: Environment, name: bytes, most: int = PORTION
) -> Iterator[tuple[lmdb.Transaction[bytes], list[tuple[bytes, bytes]]]]:
    """The records of a table in order, some at a time, each portion with the transaction it is of.

    All values of one key come in one portion.
    """
    database = environment.open_db(name, create=False)
    start: bytes | None = b""
    while start is not None:
        with environment.begin() as transaction, transaction.cursor(database) as cursor:
            more = cursor.set_range(start) if start else cursor.first()
            items = list(islice(cursor.iternext(), most)) if more else []
            start = None
            if len(items) == most:
                last = items[-1][0]
                items += _rest_of(cursor, last)
                start = last + b"\0"
            if items:
                yield transaction, items


def records(
    environment: Environment, name: bytes
) -> Iterator[tuple[lmdb.Transaction[bytes], bytes, bytes]]:
    """The records of a table in order, each with the transaction in which it was read."""
    for transaction, items in portions(environment, name):
        yield from ((transaction, key, value) for key, value in items)


def _rest_of(cursor: lmdb.Cursor[bytes], key: bytes) -> Iterator[tuple[bytes, bytes]]:
    while cursor.next() and cursor.key() == key:
        yield cursor.item()


def shown(key: bytes) -> str:
    """A key as people can read it: text, else hexadecimal."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return key.hex()
    return text if text.isprintable() else key.hex()


def put(
    database: lmdb._Database, key: bytes, value: bytes, transaction: lmdb.Transaction[bytes]
) -> None:
    """Repair by writing a record."""
    transaction.put(key, value, db=database)


def deleted(
    database: lmdb._Database,
    key: bytes,
    transaction: lmdb.Transaction[bytes],
    *,
    value: bytes = b"",
) -> None:
    """Repair by deleting a record; all of its key unless a value is given."""
    transaction.delete(key, value, db=database)
