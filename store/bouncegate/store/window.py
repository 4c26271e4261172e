"""The hard bounces of the recent past, counted by distinct address, provider and reason.

    window  time, 4 octets, and number of an event -> address mark, series
    seen    address mark, 8 octets -> how many events of the window carry it
    series  reason and provider -> how many address marks it has; its open incident, or 0

What the guard asks for each hard bounce is one look-up. The window is ordered by time over all
series, so that what grows old is one range at its beginning, however seldom a series comes.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final, NamedTuple

import lmdb

from bouncegate.policy.guard import Series
from bouncegate.store.environment import SEEN, SERIES, WINDOW
from bouncegate.store.opened import Environment

_KEY: Final = struct.Struct(">IQ")
_COUNT: Final = struct.Struct(">I")
_TALLY: Final = struct.Struct(">IQ")
_MARK: Final = 8
_LATEST: Final = 0xFFFF_FFFF


class Tally(NamedTuple):
    """What is known of a series."""

    addresses: int
    """Distinct ones, within the window."""
    incident: int


_NOTHING: Final = Tally(0, 0)


class Window:
    """Counting, within a transaction of the caller's."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._window = environment.open_db(WINDOW, create=False)
        self._seen = environment.open_db(SEEN, create=False)
        self._series = environment.open_db(SERIES, create=False)

    def tally(self, transaction: lmdb.Transaction[bytes], series: Series) -> Tally:
        """How many distinct addresses have bounced, and the incident that is open."""
        return self._tally(transaction, _series_key(series))

    def knows(self, transaction: lmdb.Transaction[bytes], series: Series, address: str) -> bool:
        """Whether the address is counted already."""
        mark = _mark(_series_key(series), address)
        return transaction.get(mark, db=self._seen) is not None

    def set_incident(
        self, transaction: lmdb.Transaction[bytes], series: Series, incident: int
    ) -> None:
        """Remember the incident that is open, 0 for none."""
        key = _series_key(series)
        self._put(transaction, key, Tally(self._tally(transaction, key).addresses, incident))

    def add(
        self,
        transaction: lmdb.Transaction[bytes],
        series: Series,
        address: str,
        time: int,
        number: int,
    ) -> None:
        """Count an event."""
        key = _series_key(series)
        mark = _mark(key, address)
        transaction.put(_event_key(time, number), mark + key, db=self._window)
        seen = transaction.get(mark, db=self._seen)
        transaction.put(mark, _COUNT.pack(1 + _count(seen)), db=self._seen)
        if seen is None:
            addresses, incident = self._tally(transaction, key)
            self._put(transaction, key, Tally(addresses + 1, incident))

    def remove(self, transaction: lmdb.Transaction[bytes], time: int, number: int) -> None:
        """Count an event no longer, if it was."""
        value = transaction.pop(_event_key(time, number), db=self._window)
        if value is not None:
            self._uncount(transaction, value)

    def expire(self, transaction: lmdb.Transaction[bytes], before: int) -> None:
        """Count no longer what came before a time."""
        end = _event_key(before, 0)
        with transaction.cursor(self._window) as cursor:
            while cursor.first() and cursor.key() < end:
                value = cursor.value()
                cursor.delete()
                self._uncount(transaction, value)

    def events(self, transaction: lmdb.Transaction[bytes], series: Series) -> list[tuple[int, int]]:
        """(time, number) of each event that is counted in a series, by number."""
        wanted = _series_key(series)
        found: list[tuple[int, int]] = []
        with transaction.cursor(self._window) as cursor:
            for key, value in cursor.iternext() if cursor.first() else ():
                if value[_MARK:] == wanted:
                    found.append(_KEY.unpack(key))
        return sorted(found, key=lambda event: event[1])

    def _uncount(self, transaction: lmdb.Transaction[bytes], value: bytes) -> None:
        mark, key = value[:_MARK], value[_MARK:]
        left = _count(transaction.get(mark, db=self._seen)) - 1
        if left > 0:
            transaction.put(mark, _COUNT.pack(left), db=self._seen)
            return
        transaction.delete(mark, db=self._seen)
        addresses, incident = self._tally(transaction, key)
        self._put(transaction, key, Tally(addresses - 1, incident))

    def _tally(self, transaction: lmdb.Transaction[bytes], key: bytes) -> Tally:
        record = transaction.get(key, db=self._series)
        return _NOTHING if record is None else Tally(*_TALLY.unpack(record))

    def _put(self, transaction: lmdb.Transaction[bytes], key: bytes, tally: Tally) -> None:
        if tally == _NOTHING:
            transaction.delete(key, db=self._series)
        else:
            transaction.put(key, _TALLY.pack(*tally), db=self._series)


def _series_key(series: Series) -> bytes:
    return f"{series.reason} {series.provider}".encode()


def _mark(series: bytes, address: str) -> bytes:
    return blake2b(b"%b\0%b" % (series, address.encode()), digest_size=_MARK).digest()


def _event_key(time: int, number: int) -> bytes:
    return _KEY.pack(min(max(time, 0), _LATEST), number)


def _count(record: bytes | None) -> int:
    return 0 if record is None else int(_COUNT.unpack(record)[0])
