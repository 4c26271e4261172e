"""Hourly counts of bounces that count for no address, by the sender that they blame.

    tallies  hour, 4 octets, and sender -> {reason: count}

The empty sender is for bounces that prove nothing: whom they blame is unknown. `DROPPED` is for
those that their quota dropped, and `OTHERS` for senders of an hour in which too many were blamed:
anyone can make up names.
"""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

import msgspec

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.alarm import HOUR, hour_of
from bouncegate.store.codec import encode
from bouncegate.store.environment import Environment
from bouncegate.store.layout import TALLIES
from bouncegate.store.table import Table, Transaction

UNVERIFIED: Final = ""
DROPPED: Final = "\0dropped"
"""No sender domain holds NUL."""
OTHERS: Final = "(others)"
# Ten times as many as metrics show; 65 MB at most in the 90 days for which they are kept.
_MOST_SENDERS: Final = 500
_HOUR: Final = 4
# Keys of LMDB have at most 511 octets.
_LONGEST_SENDER: Final = 255
_COUNTS: Final = msgspec.msgpack.Decoder(dict[Reason, int])


class HourCount(NamedTuple):
    """The bounces of one hour that blame one sender."""

    hour: int
    """Since 1970."""
    sender: str
    counts: dict[Reason, int]

    @property
    def blames_sender(self) -> bool:
        """Whether it is about a sender, and not about what proves nothing."""
        return self.sender not in (UNVERIFIED, DROPPED)

    @property
    def start(self) -> int:
        """When the hour began."""
        return self.hour * HOUR

    @property
    def main_reason(self) -> Reason:
        """The most frequent one."""
        return max(self.counts, key=lambda reason: self.counts[reason])

    @property
    def total(self) -> int:
        """For all reasons."""
        return sum(self.counts.values())


class HourCounts(Table):
    """Bounces counted by hour, sender and reason."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._counts = self._database(TALLIES)

    def add(self, transaction: Transaction, sender: str, reason: Reason, time: int) -> HourCount:
        """Count one bounce; returns what its hour has come to."""
        hour = hour_of(time)
        key = _key(hour, sender)
        known = transaction.get(key, db=self._counts)
        may_be_many = known is None and sender not in (UNVERIFIED, DROPPED)
        if may_be_many and self._is_full(transaction, hour):
            key, sender = _key(hour, OTHERS), OTHERS
            known = transaction.get(key, db=self._counts)
        counts = {} if known is None else _COUNTS.decode(known)
        counts[reason] = counts.get(reason, 0) + 1
        transaction.put(key, encode(counts), db=self._counts)
        return HourCount(hour, sender, counts)

    def _is_full(self, transaction: Transaction, hour: int) -> bool:
        """Whether so many senders were blamed since an hour began that more count as others."""
        with transaction.cursor(self._counts) as cursor:
            if not cursor.set_range(_hour_key(hour)):
                return False
            known = sum(1 for _ in islice(cursor.iternext(values=False), _MOST_SENDERS))
            return known == _MOST_SENDERS

    def since(self, time: int) -> list[HourCount]:
        """The counts of the hour of a time, and of all later ones."""
        with self._reading() as transaction, transaction.cursor(self._counts) as cursor:
            found = cursor.iternext() if cursor.set_range(_hour_key(hour_of(time))) else ()
            return [_count_of(key, counts) for key, counts in found]

    def expire(self, transaction: Transaction, before: int, most: int) -> int:
        """Forget up to `most` counts of the hours before that of a time; returns how many."""
        return self._delete_before(transaction, self._counts, _hour_key(hour_of(before)), most)


def _count_of(key: bytes, counts: bytes) -> HourCount:
    sender = key[_HOUR:].decode("utf-8", "replace")
    return HourCount(int.from_bytes(key[:_HOUR], "big"), sender, _COUNTS.decode(counts))


def _key(hour: int, sender: str) -> bytes:
    return _hour_key(hour) + sender.encode("utf-8", "replace")[:_LONGEST_SENDER]


def _hour_key(hour: int) -> bytes:
    return max(hour, 0).to_bytes(_HOUR, "big")
