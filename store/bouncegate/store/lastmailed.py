"""When each address was last mailed, and which of them no message can reach as they are written.

    used         domain, NUL, local part -> day, 2 octets, and the day of the first message, 2
    used_by_day  day, 2 octets -> domain, NUL, local part
    invalid      domain, NUL, local part -> what is wrong with it

What has not been mailed for long is one range. The day is that of the last message, or the one on
which the address gave a sign of life or was freed by hand, if that was later: either is as good.
Days count from 1970, UTC. Where the first day is missing, it is the other one. None of this follows
from the journal, and the ledger forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import lmdb

from bouncegate.policy.known import Mailed
from bouncegate.store.entry import KEY
from bouncegate.store.environment import Environment
from bouncegate.store.layout import INVALID, USED, USED_BY_DAY
from bouncegate.store.meta import Progress
from bouncegate.store.table import Table, Transaction

SOURCE: Final = "usage"
"""The name under which it is remembered how far the ledger has been read."""
_BEGUN: Final = "usage-begun"
"""The same of the first day of all that is on record."""

DAY: Final = 86_400
_SIZE: Final = 2
_LAST_DAY: Final = 0xFFFF  # in the year 2149
_PORTION: Final = 500
# So many take some ten milliseconds, in which no bounce is written.
_AT_ONCE: Final = 2000


class Used(NamedTuple):
    """An address that was mailed."""

    address: str
    day: int

    @property
    def time(self) -> int:
        """When that day began, in seconds since 1970."""
        return self.day * DAY


class LastMailed(Table):
    """The three databases; all methods raise StoreError, but those within a transaction."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._used = self._database(USED)
        self._by_day = self._database(USED_BY_DAY)
        self._invalid = self._database(INVALID)
        self._progress = Progress(environment)

    # -- reading -----------------------------------------------------------------------------

    def day(self, address: str) -> int | None:
        """The day on which an address was last mailed, if it ever was."""
        with self._reading() as transaction:
            return _day(transaction.get(key_of(address), db=self._used))

    def days(self, addresses: Iterable[str]) -> dict[str, int]:
        """The same of many, without those that never were."""
        with self._reading() as transaction:
            found = ((a, _day(transaction.get(key_of(a), db=self._used))) for a in addresses)
            return {address: day for address, day in found if day is not None}

    def position(self) -> bytes:
        """How far the ledger has been read."""
        with self._reading() as transaction:
            return self._progress.get_within(transaction, SOURCE)

    def mailed(self, transaction: Transaction, address: str) -> Mailed:
        """Since when an address has been mailed, within a transaction of the caller's."""
        value = transaction.get(key_of(address), db=self._used)
        begun = self._progress.get_within(transaction, _BEGUN)
        position = self._progress.get_within(transaction, SOURCE)
        return Mailed(
            first=None if value is None else _day(value[-_SIZE:]),
            begun=_day(begun) if begun else None,
            until=KEY.unpack(position)[0] // DAY if len(position) == KEY.size else 0,
        )

    def stale(self, day: int, after: str = "") -> Iterator[Used]:
        """Who was last mailed on that day or earlier, the longest ago first.

        `after`: behind this address. If it is not one of them any more, from the first one on:
        where it was in this order is not known, and no address may be left out.
        """
        start, begin = b"", 0
        if after and (last := self.day(after)) is not None and last <= day:
            start, begin = key_of(after), last
        while True:
            found: list[Used] = []
            with self._reading() as transaction, transaction.cursor(self._by_day) as cursor:
                for known, key in _behind(cursor, begin, start):
                    if known > day or len(found) == _PORTION:
                        break
                    found.append(Used(_address(key), known))
            yield from found
            if len(found) < _PORTION:
                return
            begin, start = found[-1].day, key_of(found[-1].address)

    def invalid(self, after: str = "") -> Iterator[tuple[str, str]]:
        """(address, what is wrong with it), by domain."""
        start = key_of(after) + b"\0" if after else b""
        while True:
            with self._reading() as transaction, transaction.cursor(self._invalid) as cursor:
                found = list(_some(cursor, start))
            yield from ((_address(key), fault.decode()) for key, fault in found)
            if len(found) < _PORTION:
                return
            start = found[-1][0] + b"\0"

    def fault(self, address: str) -> str:
        """What is wrong with an address that is known to be invalid; empty for all others."""
        with self._reading() as transaction:
            return (transaction.get(key_of(address), db=self._invalid) or b"").decode()

    def in_domain(self, domain: str, after: str = "") -> Iterator[str]:
        """Who was mailed in a domain, in order."""
        first = domain.encode() + b"\0"
        start = key_of(after) + b"\0" if after else first
        while True:
            with self._reading() as transaction, transaction.cursor(self._used) as cursor:
                found = [key for key, _ in _some(cursor, start) if key.startswith(first)]
            yield from map(_address, found)
            if len(found) < _PORTION:
                return
            start = found[-1] + b"\0"

    # -- writing -----------------------------------------------------------------------------

    def record(
        self, days: dict[str, int], fault_of: Callable[[str], str], position: bytes = b""
    ) -> None:
        """Record when addresses were mailed; `position` is how far the ledger has been read by now.

        Who was never seen before is looked at by `fault_of`.
        """
        with self._reading() as transaction:
            known = {a: _day(transaction.get(key_of(a), db=self._used)) for a in days}
        news = {a: d for a, d in days.items() if (old := known[a]) is None or old < d}
        faults = [(a, fault_of(a)) for a in news if known[a] is None]
        with self._writing() as transaction:
            self._begin(transaction, days.values())
            for key, day in sorted((key_of(address), day) for address, day in news.items()):
                self._move(transaction, key, day)
            for address, fault in faults:
                if fault:
                    transaction.put(key_of(address), fault.encode(), db=self._invalid)
            if position:
                self._progress.put(transaction, SOURCE, position)

    def _begin(self, transaction: Transaction, days: Iterable[int]) -> None:
        """Remember the first day of the record, once; an older store has none of it yet."""
        if self._progress.get_within(transaction, _BEGUN):
            return
        with transaction.cursor(self._by_day) as cursor:
            oldest = [day for day, _ in _first(cursor, 1)]
        first = min((*oldest, *days), default=None)
        if first is not None:
            self._progress.put(transaction, _BEGUN, _octets(first))

    def note_invalid(self, faults: Iterable[tuple[str, str]]) -> None:
        """Remember what is wrong with addresses."""
        with self._writing() as transaction:
            for address, fault in faults:
                transaction.put(key_of(address), fault.encode(), db=self._invalid)

    def touch(self, transaction: Transaction, addresses: Iterable[str], time: int) -> None:
        """Count a sign of life, or an operator's unlock, as a mail at that time.

        Within a transaction of the caller's; nothing is written of those that were never mailed.
        """
        for address in addresses:
            key = key_of(address)
            known = _day(transaction.get(key, db=self._used))
            if known is not None and known < time // DAY:
                self._move(transaction, key, time // DAY)

    def note_alive(self, addresses: Sequence[str], time: int) -> None:
        """The same of many, in transactions of its own."""
        for start in range(0, len(addresses), _AT_ONCE):
            with self._writing() as transaction:
                self.touch(transaction, addresses[start : start + _AT_ONCE], time)

    def expire(self, before: int) -> int:
        """Forget some of those that were last mailed before a day; returns how many.

        Where there are more, the next call goes on.
        """
        with self._writing() as transaction:
            with transaction.cursor(self._by_day) as cursor:
                gone = [key for day, key in _first(cursor, _AT_ONCE) if day < before]
            for key in gone:
                self.purge(transaction, key)
            return len(gone)

    def purge(self, transaction: Transaction, key: bytes) -> None:
        """Forget an address, within a transaction of the caller's; `key` is what `key_of` tells."""
        value = transaction.pop(key, db=self._used)
        if value is not None:
            transaction.delete(value[:_SIZE], key, db=self._by_day)
        transaction.delete(key, db=self._invalid)

    def _move(self, transaction: Transaction, key: bytes, day: int) -> None:
        value = _octets(day)
        old = transaction.get(key, db=self._used)
        if old is not None:
            transaction.delete(old[:_SIZE], key, db=self._by_day)
        transaction.put(key, value + (value if old is None else old[-_SIZE:]), db=self._used)
        transaction.put(value, key, db=self._by_day)


def date_of(day: int) -> str:
    """A day, counted from 1970, as ISO 8601 writes it."""
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()


def key_of(address: str) -> bytes:
    """The key of a canonical address: those of one domain lie beside one another."""
    local, _, domain = address.rpartition("@")
    return b"%b\0%b" % (domain.encode(), local.encode())


def _address(key: bytes) -> str:
    domain, _, local = key.partition(b"\0")
    return f"{local.decode()}@{domain.decode()}"


def _day(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value[:_SIZE], "big")


def _octets(day: int) -> bytes:
    return min(day, _LAST_DAY).to_bytes(_SIZE, "big")


def _some(cursor: lmdb.Cursor[bytes], start: bytes) -> Iterator[tuple[bytes, bytes]]:
    if cursor.set_range(start) if start else cursor.first():
        for number, item in enumerate(cursor.iternext(), 1):
            yield item
            if number == _PORTION:
                return


def _first(cursor: lmdb.Cursor[bytes], most: int) -> Iterator[tuple[int, bytes]]:
    for number, (day, key) in enumerate(cursor.iternext() if cursor.first() else ()):
        if number == most:
            return
        yield int.from_bytes(day, "big"), key


def _behind(cursor: lmdb.Cursor[bytes], day: int, key: bytes) -> Iterator[tuple[int, bytes]]:
    """(day, key) in order, behind this one; from the day on where the key is empty."""
    first = day.to_bytes(_SIZE, "big")
    found = cursor.set_range_dup(first, key + b"\0") if key else False
    if found or cursor.set_range(first if not key else (day + 1).to_bytes(_SIZE, "big")):
        for value, known in cursor.iternext():
            yield int.from_bytes(value, "big"), known
