"""The locks that `unlock` is to lift, row by row, and a summary for the operator to confirm.

A million rows take 600 MB; the operator sees their number and the first few.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import groupby
from operator import attrgetter, xor
from typing import Final, NamedTuple

from bouncegate.admin.lists.row import Row
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.records import Origin

_SHOWN: Final = 20
_NAMED: Final = 1000


class Target(NamedTuple):
    """A lock to be lifted: that of one group, or without a group all locks of an address."""

    group: str
    address: str
    seen: int
    """The number of the shown locks (`bouncegate.policy.conditions`): later ones stay."""

    def order(self) -> tuple[str, str]:
        """The sort key: by group, then by address."""
        return self.group, self.address


class UnlockSummary:
    """What to show of the rows that were read."""

    def __init__(self) -> None:
        self.rows = 0
        self.first: list[Row] = []
        """The first rows, to be shown."""
        self.addresses = 0
        self.names: list[str] = []
        """The first addresses, for a mail or an audit record."""
        self.hard = 0
        """Addresses with hard automatic locks, or locked after complaints."""
        self.complained = 0
        """Locks after complaints, which no setting lifts without force."""
        self.first_hard: list[Row] = []
        self.scopes: set[str] = set()
        """The scopes of the locks."""
        self._last_hard = ""

    def targets(self, rows: Iterable[Row]) -> Iterator[Target]:
        """The locks to lift for these rows, which are grouped by address."""
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
        """Add a row to the summary; returns the group of its lock."""
        self.rows += 1
        if len(self.first) < _SHOWN:
            self.first.append(row)
        complained = row.reason is Reason.COMPLAINT and row.origin is not Origin.MANUAL
        self.complained += complained
        if complained or (row.kind is Kind.HARD and row.origin is Origin.AUTOMATIC):
            self._seen_hard(row)
        assert row.scope is not None, "a row without a lock unlocks nothing"
        self.scopes.add(row.scope)
        return row.scope

    def _seen_hard(self, row: Row) -> None:
        if self._last_hard != row.address:
            self.hard += 1
            self._last_hard = row.address
        if len(self.first_hard) < _SHOWN:
            self.first_hard.append(row)
