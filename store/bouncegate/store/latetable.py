"""The lock table of a process that may start before there is a store.

On a new installation the send path may run before the first bounce has made the store. Until
there is one, every look-up fails, and `on_error` says what that means for the recipient.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from bouncegate.config.settings import StoreSettings
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.locktable import LockTable

INTERVAL: Final = 1.0

Find = Callable[[bytes], bytes | None]
"""From the key of an address to the record of its lock, or of its domain's."""


def finder(settings: StoreSettings) -> Find:
    """Look-ups in the lock table, which need not be there yet; raises StoreError otherwise."""
    try:
        return LockTable.open(settings).find
    except StoreMissing as error:
        return LateTable(settings, error).find


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
                # Raised again and again, it would remember where it was raised each time.
                raise self._reason.with_traceback(None)
            return self._table
