"""A lock table for a worker that found no store when it started.

On a new installation the milter may run before the first bounce has made the store. Until
there is one, every look-up fails, and `on_error` says what that means for the recipient.
"""

import threading
import time
from typing import Final

from bouncegate.config.settings import StoreSettings
from bouncegate.store.errors import StoreError
from bouncegate.store.locktable import LockTable

INTERVAL: Final = 1.0


class LateTable:
    """Looks at most once a second whether the store can be opened now."""

    def __init__(self, settings: StoreSettings, reason: StoreError) -> None:
        """`reason` is why the store could not be opened at first."""
        self._settings = settings
        self._reason = reason
        self._table: LockTable | None = None
        self._next_try = 0.0
        # LMDB must not be opened twice in one process, and libmilter calls from many threads.
        self._opening = threading.Lock()

    def find(self, address: bytes) -> bytes | None:
        """As `LockTable.find`; raises StoreError as long as there is no store."""
        table = self._table or self._open()
        return table.find(address)

    def _open(self) -> LockTable:
        with self._opening:
            if self._table is None and time.monotonic() >= self._next_try:
                self._next_try = time.monotonic() + INTERVAL
                try:
                    self._table = LockTable.open(self._settings)
                except StoreError as error:
                    self._reason = error
            if self._table is None:
                raise self._reason
            return self._table
