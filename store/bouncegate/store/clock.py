"""The mark of the clock in an environment, and the clock as far as it can be trusted.

    meta  "clock" -> ClockMark (bouncegate.policy.clock)

The store has one, and the ledger has one of its own, since other processes write it. Where none is
kept yet, in an environment of an earlier version, the time counts at which the file was written
last.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import lmdb
import msgspec

from bouncegate.config.text import counted
from bouncegate.policy.clock import DAY, ClockMark, Moment, is_news, looked_at
from bouncegate.store.codec import encode
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreError
from bouncegate.store.layout import META
from bouncegate.store.table import Table, Transaction

_KEY: Final = b"clock"
_MARKS: Final = msgspec.msgpack.Decoder(ClockMark)
# How often the log says that nothing is done while the clock is in doubt.
_ALARM_EVERY: Final = 3600.0


class ClockDoubted(StoreError):
    """The clock is in doubt: what must not be done by a wrong one is not done now."""

    exit_code = os.EX_TEMPFAIL


def moment() -> Moment:
    """What both clocks of this machine tell now."""
    return Moment(int(time.time()), int(time.clock_gettime(time.CLOCK_BOOTTIME)))


class ClockRecord(Table):
    """The mark of one environment; each method is a transaction of its own, raises StoreError."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; one of an earlier version may have no `meta`."""
        super().__init__(environment)
        self._meta: lmdb._Database | None = None
        with suppress(lmdb.NotFoundError):
            self._meta = self._database(META)

    def update(self, now: Moment) -> ClockMark:
        """Record what the clocks show; returns whether they can be trusted."""
        with self._reading() as transaction:
            known = self._known(transaction)
        mark = looked_at(known, now)
        if not is_news(known, mark):
            return mark
        with self._writing() as transaction:
            mark = looked_at(self._known(transaction), now)
            self._put(transaction, mark)
        return mark

    def peek(self, now: Moment) -> ClockMark:
        """The same without a note of it, for an environment that is open to read."""
        with self._reading() as transaction:
            return looked_at(self._known(transaction), now)

    def accept(self, now: Moment) -> None:
        """Trust the clock as it is."""
        with self._writing() as transaction:
            self.accept_within(transaction, now)

    def accept_within(self, transaction: Transaction, now: Moment) -> None:
        """The same in a transaction of the caller's."""
        self._put(transaction, ClockMark(*now))

    def _put(self, transaction: Transaction, mark: ClockMark) -> None:
        transaction.put(_KEY, encode(mark), db=self._meta)

    def _known(self, transaction: Transaction) -> ClockMark | None:
        octets = transaction.get(_KEY, db=self._meta) if self._meta is not None else None
        if octets is not None:
            return _MARKS.decode(octets)
        written = self._environment.written
        return ClockMark(written) if written is not None else None


class TrustedClock:
    """Tells the time, and raises ClockDoubted where nothing must be done by it."""

    def __init__(
        self,
        log: logging.Logger,
        now: Callable[[], Moment] = moment,
        since_start: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell in `log` when the clock is in doubt, and when it no longer is."""
        self._log = log
        self._now = now
        self._since_start = since_start
        self._turn = threading.Lock()  # the tasks of `maintain` are threads
        self._next_alarm: float | None = None

    def time(self, mark: ClockRecord) -> int:
        """Seconds since 1970, by the mark of an environment; raises ClockDoubted, StoreError."""
        now = self._now()
        found = mark.update(now)
        self._tell(found)
        if found.wrong:
            raise ClockDoubted(described(found))
        return now.time

    def _tell(self, mark: ClockMark) -> None:
        with self._turn:
            due, since_start = self._next_alarm, self._since_start()
            if not mark.wrong:
                if due is not None:
                    self._log.warning("the clock is trusted again: maintenance continues")
                self._next_alarm = None
            elif due is None or since_start >= due:
                self._log.critical("%s", described(mark))
                self._next_alarm = since_start + _ALARM_EVERY


def described(mark: ClockMark) -> str:
    """What is wrong with a clock that is in doubt, and what follows."""
    assert mark.doubt is not None, "it is trusted"
    away = _span(abs(mark.doubt.time - mark.latest))
    return (
        f"the clock is in doubt: {away} {'ahead of' if mark.wrong == 'ahead' else 'behind'} the "
        f"latest time that is known to be right ({_iso(mark.latest)}); nothing is deleted, expires "
        f"or is settled until it has run evenly for {_span(mark.left)} more, or it is accepted "
        "(bouncegate clock accept)"
    )


def _span(seconds: int) -> str:
    for unit, length in (("days", DAY), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return counted(seconds, "second")


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
