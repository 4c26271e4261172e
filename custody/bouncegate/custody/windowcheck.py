"""The guard's window: its events are those of the journal, and its counts are what they add up to.

Counts of addresses by hash are counted again in as many turns as the memory allows: each turn
counts the hashes that begin alike.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

import lmdb

from bouncegate.custody.difference import Difference, shown
from bouncegate.store.codec import octets_of
from bouncegate.store.environment import INCIDENTS, JOURNAL, SEEN, SERIES, WINDOW
from bouncegate.store.opened import Environment

_MARK: Final = 8
_AT_ONCE: Final = 100_000
_EVENT: Final = struct.Struct(">IQ")
_COUNT: Final = struct.Struct(">I")
_TALLY: Final = struct.Struct(">IQ")


class WindowCheck:
    """One reading of the window, in one transaction: its counts go with all of it."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._environment = environment
        names = (WINDOW, SEEN, SERIES, JOURNAL, INCIDENTS)
        opened = [environment.open_db(name, create=False) for name in names]
        self._window, self._seen, self._series, self._journal, self._incidents = opened

    def differences(self) -> Iterator[Difference]:
        """All that is found, by table."""
        with self._environment.begin() as transaction:
            yield from self._of_window(transaction)
            addresses: Counter[bytes] = Counter()
            turns = 1 + transaction.stat(self._window)["entries"] // _AT_ONCE
            for turn in range(turns):
                yield from self._of_seen(transaction, turn, turns, addresses)
            yield from self._of_series(transaction, addresses)

    def _of_window(self, transaction: lmdb.Transaction[bytes]) -> Iterator[Difference]:
        for key, value in _items(transaction, self._window):
            if len(key) != _EVENT.size or len(value) <= _MARK:
                yield Difference("window", key.hex(), "is no event of the window")
            elif transaction.get(key[-8:], db=self._journal) is None:
                number = _EVENT.unpack(key)[1]
                yield Difference("window", str(number), "is no entry of the journal")

    def _of_seen(
        self,
        transaction: lmdb.Transaction[bytes],
        turn: int,
        turns: int,
        addresses: Counter[bytes],
    ) -> Iterator[Difference]:
        counted: Counter[bytes] = Counter()
        for _, value in _items(transaction, self._window):
            mark, series = value[:_MARK], value[_MARK:]
            if mark[0] % turns == turn and len(mark) == _MARK:
                addresses[series] += mark not in counted
                counted[mark] += 1
        for mark, value in _items(transaction, self._seen):
            if mark and mark[0] % turns == turn:
                right = counted.pop(mark, 0)
                known = _COUNT.unpack(value)[0] if len(value) == _COUNT.size else -1
                if known != right:
                    yield Difference(
                        "seen", mark.hex(), f"counts {known} events, there are {right}"
                    )
        for mark, right in counted.items():
            yield Difference("seen", mark.hex(), f"counts no event, there are {right}")

    def _of_series(
        self, transaction: lmdb.Transaction[bytes], addresses: Counter[bytes]
    ) -> Iterator[Difference]:
        for key, value in _items(transaction, self._series):
            known, incident = _TALLY.unpack(value) if len(value) == _TALLY.size else (-1, 0)
            if known != (right := addresses.pop(key, 0)):
                text = f"counts {known} addresses, there are {right}"
                yield Difference("series", shown(key), text)
            if incident and transaction.get(octets_of(incident), db=self._incidents) is None:
                yield Difference("series", shown(key), f"names incident {incident}: there is none")
        for key, right in addresses.items():
            yield Difference("series", shown(key), f"counts no address, there are {right}")


def _items(
    transaction: lmdb.Transaction[bytes], database: lmdb._Database
) -> Iterator[tuple[bytes, bytes]]:
    with transaction.cursor(database) as cursor:
        if cursor.first():
            yield from cursor.iternext()
