"""Whether store and ledger trust the clock, by which they delete entries."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.settings import Settings
from bouncegate.policy.clock import ClockMark, Moment
from bouncegate.store.clock import described
from bouncegate.store.errors import StoreError
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_FIX: Final = "correct the clock, or see bouncegate clock accept"


def check_clock(settings: Settings, now: Moment) -> Iterator[Finding]:
    """Check the clock; a store that cannot be opened is a finding of `storage`."""
    marks = [mark for mark in (_of_store(settings, now), _of_ledger(settings, now)) if mark]
    doubted = [mark for mark in marks if mark.wrong]
    if doubted:
        yield Finding("clock", Severity.WARNING, described(doubted[0]), _FIX)
    elif marks:
        yield Finding("clock", Severity.OK, "the clock is trusted")


def _of_store(settings: Settings, now: Moment) -> ClockMark | None:
    try:
        with closing(Store.open(settings.store, readonly=True)) as store:
            return store.clock.peek(now)
    except StoreError:
        return None


def _of_ledger(settings: Settings, now: Moment) -> ClockMark | None:
    if not settings.keeps_ledger:
        return None
    try:
        with closing(Ledger.open(settings.store, settings.ledger)) as ledger:
            return ledger.clock.peek(now)
    except StoreError:
        return None
