"""The hard bounces of the recent past, by what they have in common, in the order of their times.

    watched  series, 8 octets, time, 4, and number of an event, 8 -> as what it is counted
    series   reason and provider -> how many more need not be counted; its open incident, or 0

What is counted is a flag, the domain (4 octets) and the subject (8), each by a digest. Nothing here
depends on a clock: a bounce lies where its own time says, and `expire` is given the time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from bouncegate.policy.guard import Series, Watched
from bouncegate.policy.records import Event
from bouncegate.policy.slidingwindow import BY_NAME, Counted
from bouncegate.store.environment import Environment
from bouncegate.store.layout import SERIES, WATCHED
from bouncegate.store.table import Table, Transaction

DIGEST: Final = 8
_KEY: Final = struct.Struct(">8sIQ")
_VALUE: Final = struct.Struct(">B4s8s")
_RECORD: Final = struct.Struct(">IQ")
_SURE: Final = 1
_NO_DOMAIN: Final = bytes(4)
_LATEST: Final = 0xFFFF_FFFF
# How many one transaction takes out: some milliseconds.
_AT_ONCE: Final = 1000


class SeriesState(NamedTuple):
    """What is known of a series beside its bounces."""

    quiet: int
    """So many more need not be counted; while an incident is open, how many were seen."""
    incident: int


_NOTHING: Final = SeriesState(0, 0)


class Window(Table):
    """The bounces that the guard watches, and the series that they belong to."""

    def __init__(
        self, environment: Environment, watched: bytes = WATCHED, series: bytes = SERIES
    ) -> None:
        super().__init__(environment)
        self._watched = self._database(watched)
        self._series = self._database(series)

    def state(self, transaction: Transaction, series: Series) -> SeriesState:
        """What is known of a series."""
        record = transaction.get(_name(series), db=self._series)
        return _NOTHING if record is None else SeriesState(*_RECORD.unpack(record))

    def put_state(self, transaction: Transaction, series: Series, state: SeriesState) -> None:
        """Remember what is known of a series."""
        if state == _NOTHING:
            transaction.delete(_name(series), db=self._series)
        else:
            transaction.put(_name(series), _RECORD.pack(*state), db=self._series)

    def add(
        self,
        transaction: Transaction,
        watched: Watched,
        time: int,
        number: int,
        *,
        sure: bool,
    ) -> None:
        """Watch an event in one of its series."""
        _, subject, domain, _ = counted(watched, time, sure=sure)
        value = _VALUE.pack(_SURE if sure else 0, domain or _NO_DOMAIN, subject)
        transaction.put(_key(digest_of(watched.series), time, number), value, db=self._watched)

    def remove(self, transaction: Transaction, event: Event, number: int) -> None:
        """Watch an event no longer, if it was."""
        for series in series_of(event):
            transaction.delete(_key(digest_of(series), event.time, number), db=self._watched)

    def events(
        self, transaction: Transaction, series: Series, time: int, seconds: int
    ) -> list[int]:
        """The events that are watched less than so many seconds from a time, in their order."""
        rows = self._rows(transaction, series, time - seconds + 1, time + seconds - 1)
        return sorted(number for _, number, _ in rows)

    def all(self, transaction: Transaction, series: Series) -> list[Counted]:
        """All that is watched in a series."""
        rows = self._rows(transaction, series, 0, _LATEST)
        return [_counted(time, value) for time, _, value in rows]

    def _rows(
        self, transaction: Transaction, series: Series, first: int, last: int
    ) -> Iterator[tuple[int, int, bytes]]:
        digest = digest_of(series)
        end = _key(digest, last + 1, 0) if last < _LATEST else digest + b"\xff" * 12
        with transaction.cursor(self._watched) as cursor:
            if cursor.set_range(_key(digest, first, 0)):
                for key, value in cursor.iternext():
                    if key >= end:
                        return
                    _, time, number = _KEY.unpack(key)
                    yield time, number, value

    # -- what is old -----------------------------------------------------------------------------

    def expire(self, now: int, kept: int, ahead: int) -> None:
        """Drop what has been watched for longer than `kept`, or lies too far ahead."""
        with self._reading() as transaction:
            left: Outdated | None = self._outdated(transaction, now, kept, ahead)
        while left is not None:
            with self._writing() as transaction:
                left = self._drop(transaction, left)

    def expire_within(self, transaction: Transaction, now: int, kept: int, ahead: int) -> None:
        """The same within one transaction."""
        left: Outdated | None = self._outdated(transaction, now, kept, ahead)
        while left is not None:
            left = self._drop(transaction, left)

    def _outdated(self, transaction: Transaction, now: int, kept: int, ahead: int) -> Outdated:
        """What is watched for longer than it is kept, or lies too far ahead; reads all of it.

        Two clocks have to agree on what is old: `now`, and that of the latest bounce that is not
        ahead of it. So one clock that is wrong, the daemon's or that of a bounce, empties nothing.
        """
        with transaction.cursor(self._watched) as cursor:
            keys = list(cursor.iternext(values=False)) if cursor.first() else []
        times = [_KEY.unpack(key)[1] for key in keys]
        latest = max((time for time in times if time <= now + ahead), default=now)
        before = min(now, latest) - kept
        old = [k for k, time in zip(keys, times, strict=True) if not before <= time <= now + ahead]
        alive = {key[:DIGEST] for key in keys} - {key[:DIGEST] for key in old}
        with transaction.cursor(self._series) as cursor:
            names = list(cursor.iternext(values=False)) if cursor.first() else []
        idle = [name for name in names if _digest_of_name(name) not in alive]
        return Outdated(old, idle)

    def _drop(self, transaction: Transaction, outdated: Outdated) -> Outdated | None:
        """Forget as much of this as one transaction should; returns the rest, if any."""
        old, idle = outdated
        for key in old[:_AT_ONCE]:
            transaction.delete(key, db=self._watched)
        if len(old) > _AT_ONCE:
            return Outdated(old[_AT_ONCE:], idle)
        for name in idle:
            record = transaction.get(name, db=self._series)
            if record is not None and not SeriesState(*_RECORD.unpack(record)).incident:
                transaction.delete(name, db=self._series)
        return None


class Outdated(NamedTuple):
    """What the window may forget."""

    events: Sequence[bytes]
    """Keys of `watched`."""
    series: Sequence[bytes]
    """Keys of `series` without an event."""


def series_of(event: Event) -> Iterator[Series]:
    """All the series in which an event may be watched."""
    yield Series.of(event)
    via = Series.via(event)
    if via is not None:
        yield via


@lru_cache(4096)
def digest_of(series: Series) -> bytes:
    """The octets with which the keys of a series begin."""
    return _digest_of_name(_name(series))


def _digest_of_name(name: bytes) -> bytes:
    return blake2b(name, digest_size=DIGEST).digest()


def _name(series: Series) -> bytes:
    return f"{series.reason} {series.provider}".encode()


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode(), digest_size=size).digest()


def _key(digest: bytes, time: int, number: int) -> bytes:
    return _KEY.pack(digest, min(max(time, 0), _LATEST), number)


def counted(watched: Watched, time: int, *, sure: bool) -> Counted:
    """A bounce as it is counted in one of its series."""
    domain = _digest(watched.domain, len(_NO_DOMAIN)) if watched.domain else BY_NAME
    return Counted(time, _digest(watched.subject, DIGEST), domain, sure)


def _counted(time: int, value: bytes) -> Counted:
    flag, domain, subject = _VALUE.unpack(value)
    return Counted(
        time, subject, BY_NAME if domain == _NO_DOMAIN else domain, sure=bool(flag & _SURE)
    )
