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
            writer = _Writer(copy)
            for name in names:
                writer.copy_table(source, environment.open_db(name, txn=source, create=False), name)
            writer.commit()
    renumber(target, smallest_number(target), size)


class _Writer:
    """The transactions of a copy: each goes on through the tables until it holds its portion.

    A small copy is a single transaction, which frees no pages. A copy in which more transactions
    have freed pages than the source has had at all cannot take its place under readers
    (`bouncegate.store.metapages.renumber`).
    """

    def __init__(self, copy: lmdb.Environment) -> None:
        """Fill an environment that is empty, and that nobody else has open."""
        self._copy = copy
        self._transaction = copy.begin(write=True)
        self._room = _PORTION

    def copy_table(
        self, source: lmdb.Transaction[bytes], table: lmdb._Database, name: bytes
    ) -> None:
        """Copy one table; the last transaction remains open."""
        target = self._copy.open_db(name, txn=self._transaction, **table.flags())
        with source.cursor(table) as cursor:
            records = cursor.iternext()
            while True:
                with self._transaction.cursor(target) as end:
                    end.putmulti(self._portion(records), append=True)
                if self._room > 0:
                    return
                self.commit()
                self._transaction = self._copy.begin(write=True)
                self._room = _PORTION

    def commit(self) -> None:
        """Write the last transaction."""
        self._transaction.commit()

    def _portion(self, records: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for key, value in records:
            yield key, value
            self._room -= len(key) + len(value) + _RECORD
            if self._room <= 0:
                return
