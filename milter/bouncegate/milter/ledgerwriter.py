"""The ledger writer: the one process that writes the ledger, so that no worker ever waits for a
disk.

A worker hands over what was sent (`bouncegate.milter.ledgerqueue`) and goes on. The ledger writer
gathers what has come and commits it. When its disk stalls or is full, the queue fills up or commits
fail; what could not be written is said in the log: mail flows on, and the bounces of those messages
prove nothing and lock no address.

What a crash of the ledger writer can lose is what it had in hand, a tenth of a second at most; what
waits in the queue is for its successor.
"""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter.currentmailing import CurrentMailings
from bouncegate.milter.ledgerqueue import LedgerQueue, Received
from bouncegate.store.clock import ClockDoubted, TrustedClock
from bouncegate.store.entry import Entry
from bouncegate.store.errors import StoreError, StoreReplaced
from bouncegate.store.ledger import EXPIRE_AT_ONCE, Ledger
from bouncegate.store.refusals import Refused

_LOG: Final = logging.getLogger("bouncegate.ledger-writer")

_WAKE_UP: Final = 1.0
_EXPIRE_EVERY: Final = 3600.0


def write_ledger(settings: Settings, ledger_queue: LedgerQueue) -> None:
    """Write what workers hand over, until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    error_log = RateLimitedLog(
        "mail is delivered; bounces of these messages lock no address",
        daemon="ledger-writer",
        step="write",
    )
    expiry = Expiry(settings, TrustedClock(_LOG))
    mailings = CurrentMailings()
    with closing(_Reopening(settings)) as ledger:
        while not stopping:
            try:
                if received := ledger_queue.gather(0.0 if expiry.goes_on else _WAKE_UP):
                    ledger.do(_writing(received, mailings))
                ledger.do(partial(expiry.go_on, since_start=time.monotonic()))
            except ClockDoubted:
                pass  # the clock has said so
            except StoreError as error:
                error_log.log("ledger", error, expected=True)
        if received := ledger_queue.drain():
            ledger.do(_writing(received, mailings))


def _writing(received: list[Received], mailings: CurrentMailings) -> Callable[[Ledger], None]:
    """What writes it: refusals with the mailing that they most likely belong to."""
    entries = [one for one in received if isinstance(one, Entry)]
    for entry in entries:
        mailings.note(entry.sent)
    refused = [mailings.completed(one) for one in received if isinstance(one, Refused)]
    return partial(Ledger.write, batch=entries, refused=refused)


class _Reopening:
    """The ledger, opened again if its files were replaced."""

    def __init__(self, settings: Settings) -> None:
        """Open it; raises StoreError."""
        self._settings = settings
        self._ledger: Ledger | None = self._open()

    def do(self, work: Callable[[Ledger], object]) -> None:
        """Do something with it, twice if need be; raises StoreError."""
        if self._ledger is None:
            self._ledger = self._open()
        try:
            work(self._ledger)
        except StoreReplaced as error:
            _LOG.critical("%s: opening the ledger again", error)
            self.close()
            self._ledger = self._open()
            work(self._ledger)

    def close(self) -> None:
        """Give it back."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.close()

    def _open(self) -> Ledger:
        return Ledger.open(self._settings.store, self._settings.ledger, readonly=False)


class Expiry:
    """Deletes expired entries once an hour, a few at a time, so that the queue does not fill up."""

    def __init__(self, settings: Settings, clock: TrustedClock) -> None:
        """Nothing is deleted yet, nor while the clock is in doubt."""
        self._keep = settings.ledger.keep
        self._clock = clock
        self._next = 0.0
        self._expired = 0
        self.goes_on = False
        """Whether there is more to delete now."""

    def go_on(self, ledger: Ledger, since_start: float) -> None:
        """Delete some expired entries of a writable ledger, if it is time.

        `since_start` is in seconds, by a monotonic clock. Raises ClockDoubted, StoreError.
        """
        if not self.goes_on and since_start < self._next:
            return
        self._next = since_start + _EXPIRE_EVERY
        self.goes_on = False  # nor does it after an error, until the hour is up
        now = self._clock.time(ledger.clock)
        # Calendar months are counted backwards by their length from here on.
        kept_for = self._keep.after(now) - now
        expired = ledger.expire(now - kept_for)
        self._expired += expired
        self.goes_on = expired == EXPIRE_AT_ONCE
        if self._expired and not self.goes_on:
            _LOG.info("expired %s", counted(self._expired, "ledger entry"))
            self._expired = 0
