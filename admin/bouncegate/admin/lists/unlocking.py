"""Locks that are to be lifted: what of them is shown and asked, and what is done, row by row.

A million rows take 600 MB; what an operator sees of them is their number and the first few.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import groupby
from operator import attrgetter, xor
from typing import Final, NamedTuple

from bouncegate.admin.lists.row import Row
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.records import Origin

_SHOWN: Final = 20
_NAMED: Final = 1000


class Target(NamedTuple):
    """A lock to be lifted: that of one group, or all of an address where there is no group."""

    group: str
    address: str
    seen: int
    """The number of the locks that were shown (`bouncegate.policy.conditions`): others stay."""

    def order(self) -> tuple[str, str]:
        """Group by group, and then by address."""
        return self.group, self.address


class UnlockSummary:
    """What is known of rows that have gone by."""

    def __init__(self) -> None:
        """Nothing has gone by yet."""
        self.rows = 0
        self.first: list[Row] = []
        """The first of them, as many as are shown."""
        self.addresses = 0
        self.names: list[str] = []
        """The first of the addresses, as many as are named in a mail or an audit record."""
        self.hard = 0
        """How many addresses have hard locks that bounces made."""
        self.first_hard: list[Row] = []
        self._last_hard = ""

    def targets(self, rows: Iterable[Row]) -> Iterator[Target]:
        """What lifts the locks of these rows, in which those of an address stand together."""
        for address, of_address in groupby(rows, attrgetter("address")):
            causes: defaultdict[str, int] = defaultdict(int)
            for row in of_address:
                causes[self._seen(row)] ^= row.cause
            self.addresses += 1
            self.names += [address] * (len(self.names) < _NAMED)
            if "" in causes:
                yield Target("", address, reduce(xor, causes.values()))
            else:
                yield from (Target(group, address, seen) for group, seen in causes.items())

    def _seen(self, row: Row) -> str:
        """Remember what is shown of a row; tells the group for which alone its lock is."""
        self.rows += 1
        if len(self.first) < _SHOWN:
            self.first.append(row)
        if row.kind is Kind.HARD and row.origin is Origin.AUTOMATIC:
            self._seen_hard(row)
        return row.only_for

    def _seen_hard(self, row: Row) -> None:
        if self._last_hard != row.address:
            self.hard += 1
            self._last_hard = row.address
        if len(self.first_hard) < _SHOWN:
            self.first_hard.append(row)
