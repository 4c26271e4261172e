"""Copying an environment record by record into a new file, while others read and write.

The library can copy as well (mdb_env_copyfd2), but the compacting copy of py-lmdb 3.0.0 dies by
SIGSEGV where the values of one key of a dupsort database fill pages of their own: some 300 events
of one address do. A copy by records needs nothing but cursors, which every version has. It holds no
more free pages than its own few transactions leave behind, and nothing that was deleted lives on in
the unused part of a page.

Records come in the order of their keys, so that each page is filled to the brim. A transaction of
the copy holds a bounded part of it, since its pages wait in memory for the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import lmdb

from bouncegate.store.metapages import renumber, smallest_number

_PORTION: Final = 2**25
"""How many octets of records one transaction of the copy takes."""

_RECORD: Final = 10
"""What a record takes on its page beside key and value: its header, and the pointer to it."""

_SPARE: Final = 2**26
"""How much larger than the map of the source that of the copy is while it is made."""


def copy_records(environment: lmdb.Environment, target: Path) -> None:
    """Fill an empty file with all that an environment holds at one moment; it is not synced.

    Raises lmdb.Error, OSError.
    """
    with environment.begin() as source:
        with source.cursor(environment.open_db(None, txn=source)) as cursor:
            names = list(cursor.iternext(values=False))
        options: dict[str, Any] = {"subdir": False, "lock": False, "sync": False}
        size = environment.info()["map_size"]
        larger = size + _SPARE
        with closing(lmdb.open(str(target), map_size=larger, max_dbs=64, **options)) as copy:
            for name in names:
                table = environment.open_db(name, txn=source, create=False)
                _copy_table(source, table, copy, copy.open_db(name, **table.flags()))
    renumber(target, smallest_number(target), size)


def _copy_table(
    source: lmdb.Transaction[bytes],
    table: lmdb._Database,
    copy: lmdb.Environment,
    target: lmdb._Database,
) -> None:
    with source.cursor(table) as cursor:
        records, added = cursor.iternext(), 1
        while added:
            with copy.begin(write=True, db=target) as transaction, transaction.cursor() as end:
                _, added = end.putmulti(_portion(records), append=True)


def _portion(records: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    octets = 0
    for key, value in records:
        yield key, value
        octets += len(key) + len(value) + _RECORD
        if octets >= _PORTION:
            return
