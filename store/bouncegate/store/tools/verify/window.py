"""What the guard watches: its bounces are those of the journal, and its series name incidents."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import lmdb
import msgspec
import zstandard

from bouncegate.policy.records import Event
from bouncegate.store.codec import octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.journal import Journal
from bouncegate.store.layout import INCIDENTS, SERIES, WATCHED
from bouncegate.store.tools.verify.difference import Difference, shown
from bouncegate.store.window import digest_of, series_of

_EVENT: Final = struct.Struct(">8sIQ")
_COUNTED: Final = 13
_STANDING: Final = struct.Struct(">IQ")
_OPEN: Final = octets_of(0)


class WindowCheck:
    """One reading of what is watched, in one transaction: it goes with its incidents."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._journal = Journal(environment)
        names = (WATCHED, SERIES, INCIDENTS)
        opened = [environment.open_db(name, create=False) for name in names]
        self._watched, self._series, self._incidents = opened

    def differences(self) -> Iterator[Difference]:
        """All that is found, by table."""
        with self._environment.begin() as transaction:
            yield from self._of_watched(transaction)
            yield from self._of_series(transaction)

    def _of_watched(self, transaction: lmdb.Transaction[bytes]) -> Iterator[Difference]:
        for key, value in _items(transaction, self._watched):
            if len(key) != _EVENT.size or len(value) != _COUNTED:
                yield Difference("watched", key.hex(), "is no event that is watched")
                continue
            digest, time, number = _EVENT.unpack(key)
            if not self._journal.exists(transaction, number):
                yield Difference("watched", str(number), "is no entry of the journal")
                continue
            try:
                entry = self._journal.get(transaction, number)
            except (msgspec.DecodeError, zstandard.ZstdError):
                continue  # the check of the journal tells
            if not isinstance(entry, Event) or entry.time != time:
                yield Difference("watched", str(number), "is not the bounce of that time")
            elif digest not in map(digest_of, series_of(entry)):
                yield Difference("watched", str(number), "is a bounce of another series")

    def _of_series(self, transaction: lmdb.Transaction[bytes]) -> Iterator[Difference]:
        named: set[bytes] = set()
        for key, value in _items(transaction, self._series):
            incident = _STANDING.unpack(value)[1] if len(value) == _STANDING.size else -1
            if incident < 0:
                yield Difference("series", shown(key), "cannot be read")
            elif incident and transaction.get(octets_of(incident), db=self._incidents) is None:
                yield Difference("series", shown(key), f"names incident {incident}: there is none")
            named.add(octets_of(max(incident, 0)))
        for number, end in _items(transaction, self._incidents):
            if end == _OPEN and number not in named:
                text = "is open, and no series names it"
                yield Difference("incidents", str(int.from_bytes(number, "big")), text)


def _items(
    transaction: lmdb.Transaction[bytes], database: lmdb._Database
) -> Iterator[tuple[bytes, bytes]]:
    with transaction.cursor(database) as cursor:
        if cursor.first():
            yield from cursor.iternext()
