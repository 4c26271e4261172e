"""How many addresses are on which list: counted now and then, and kept for whoever asks.

    meta  "summary" -> Summary, as it was counted last

The clock moves addresses from list to list without a write, so no transaction can keep the counts:
they are true of the time at which they were counted.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from bouncegate.store.codec import encode
from bouncegate.store.environment import Environment
from bouncegate.store.layout import META
from bouncegate.store.table import Table

_KEY: Final = b"summary"


class LockCounts(Struct):
    """Addresses by the lock that stops most of their mail."""

    hard: int = 0
    """By bounces."""
    soft: int = 0
    complaint: int = 0
    by_hand: int = 0
    imported: int = 0
    by_list: int = 0
    """Stale, invalid or predicted ones that `[lists]` refuses."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, name) for name in self.__struct_fields__)


class PeriodRate(Struct, frozen=True):
    """The share of the mail of some days that bounced; None is unknown."""

    days: int
    sends: int | None
    bounce_rate: float | None
    hard_share: float | None


class DayCounts(Struct):
    """The bounces of one day."""

    day: int
    """Since 1970."""
    hard: int = 0
    soft: int = 0
    blocked: int = 0


class NameCounts(Struct):
    """The bounces of one mailing, or of one group."""

    name: str
    last: int = 0
    """When the last one came."""
    hard: int = 0
    soft: int = 0
    blocked: int = 0


class Month(Struct):
    """The bounces of the last 30 days."""

    days: list[DayCounts] = []
    """One for each, in order."""
    reasons: list[tuple[str, int]] = []
    """The most frequent ones."""
    mailings: list[NameCounts] = []
    """Those in which the last bounces came, the latest first."""
    groups: list[NameCounts] = []
    """In the same order."""
    providers: list[str] = []
    """The names of those with most bounces, in order."""


class Summary(Struct):
    """What was counted. An address with several locks counts once."""

    time: int
    """When."""
    bounced: int = 0
    detected: int = 0
    locked: LockCounts = msgspec.field(default_factory=LockCounts)
    one_group: int = 0
    """How many of the locked are locked for single groups alone."""
    domains: int = 0
    """Domains that are locked as a whole."""
    predicted: int = 0
    invalid: int = 0
    stale: int = 0
    ending: LockCounts = msgspec.field(default_factory=LockCounts)
    """How many of the locked are free within a week by the clock alone."""
    rates: list[PeriodRate] = []
    month: Month = msgspec.field(default_factory=Month)


_DECODER: Final = msgspec.msgpack.Decoder(Summary)


class KeptSummary(Table):
    """The last summary of one store; all methods raise StoreError."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        super().__init__(environment)
        self._meta = self._database(META)

    def get(self) -> Summary | None:
        """What was counted last; None if nothing was yet."""
        with self._reading() as transaction:
            octets = transaction.get(_KEY, db=self._meta)
        return None if octets is None else _DECODER.decode(octets)

    def put(self, summary: Summary) -> None:
        """Keep what was counted."""
        with self._writing() as transaction:
            transaction.put(_KEY, encode(summary), db=self._meta)
