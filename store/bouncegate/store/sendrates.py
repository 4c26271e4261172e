"""How many recipients were sent to in an hour: of each domain, and of all.

    rates   domain, NUL, hour (4 octets) -> how many recipients were sent to, 4 octets; the domain
            `@` stands for all, and its hour 0 for the first hour of which that is known

A database of the ledger, written in the transactions of its entries.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from bouncegate.store.environment import Environment
from bouncegate.store.table import Table, Transaction

RATES: Final = b"rates"
ALL_DOMAINS: Final = "@"
"""Stands for all of them: what comes behind the last @ of an address has none."""
HOUR: Final = 3600
_COUNT: Final = struct.Struct(">I")


class SendRates(Table):
    """Those of one ledger."""

    _map_setting = "max_size in [ledger]"

    def __init__(self, environment: Environment) -> None:
        """Use a ledger that is open."""
        super().__init__(environment)
        self.database: Final = environment.open_db(RATES, create=False)

    def sends(self, domains: Iterable[str], since: int, until: int) -> int:
        """How many recipients in these domains were sent to, by whole hours; raises StoreError."""
        hours = range(since // HOUR, until // HOUR + 1)
        with self._reading() as transaction:
            keys = (rate_key(domain, hour) for domain in domains for hour in hours)
            return sum(self._get(transaction, key) for key in keys)

    def total(self, since: int, until: int) -> int | None:
        """How many recipients were sent to, by whole hours; None: not known so far back.

        A ledger that an earlier version has written knows it from its next hour on. Raises
        StoreError.
        """
        hours = range(since // HOUR, until // HOUR + 1)
        with self._reading() as transaction:
            known = transaction.get(_KNOWN_FROM, db=self.database)
            if known is None or rate_of(known) > hours.start:
                return None
            return sum(self._get(transaction, rate_key(ALL_DOMAINS, hour)) for hour in hours)

    def begin_totals(self, transaction: Transaction, hour: int) -> None:
        """Note from which hour on all sends are in the totals, unless that is known."""
        transaction.put(_KNOWN_FROM, _COUNT.pack(hour), overwrite=False, db=self.database)

    def add(self, transaction: Transaction, rates: Mapping[bytes, int]) -> None:
        """Add to the rates of domains, by their keys, and to the totals of the same hours."""
        totals: Counter[bytes] = Counter()
        for rate, count in rates.items():
            totals[_total_of(rate)] += count
        for rate, count in (*rates.items(), *totals.items()):
            value = _COUNT.pack(max(self._get(transaction, rate) + count, 0))
            transaction.put(rate, value, db=self.database)

    def drop(self, transaction: Transaction, rates: Iterable[bytes]) -> None:
        """Forget rates of domains, by their keys, and the totals of the same hours."""
        dropped = set(rates)
        for rate in dropped | set(map(_total_of, dropped)):
            transaction.delete(rate, db=self.database)

    def _get(self, transaction: Transaction, rate: bytes) -> int:
        return rate_of(transaction.get(rate, db=self.database))


def rate_of(value: bytes | None) -> int:
    """How many recipients a record says; 0 where there is none."""
    return 0 if value is None else int(_COUNT.unpack(value)[0])


def rate_key(domain: str, hour: int) -> bytes:
    """The key of how many recipients of a domain were sent to in an hour since 1970."""
    return domain.encode() + b"\0" + _COUNT.pack(hour)


def _total_of(rate: bytes) -> bytes:
    """The key of the total of an hour, of that of one domain."""
    return rate_key(ALL_DOMAINS, _COUNT.unpack(rate[-_COUNT.size :])[0])


_KNOWN_FROM: Final = rate_key(ALL_DOMAINS, 0)
