"""How far the sources of deliveries have been read: kept with what was learned from them.

meta  "progress " and the name of a source -> octets that only this source reads
"""

from __future__ import annotations

from typing import Final

import lmdb

from bouncegate.store.environment import META
from bouncegate.store.opened import Environment

_PREFIX: Final = "progress "


class Progress:
    """Remembering, within a transaction of the caller's."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._meta = environment.open_db(META, create=False)

    def get(self, transaction: lmdb.Transaction[bytes], source: str) -> bytes:
        """How far a source has been read; empty where it never was."""
        return transaction.get(f"{_PREFIX}{source}".encode(), b"", db=self._meta)

    def put(self, transaction: lmdb.Transaction[bytes], source: str, place: bytes) -> None:
        """Remember how far a source has been read."""
        transaction.put(f"{_PREFIX}{source}".encode(), place, db=self._meta)
