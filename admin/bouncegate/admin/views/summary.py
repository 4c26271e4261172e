"""How many addresses are on which list, and the rates beside their limits."""

from collections.abc import Callable
from threading import Event
from typing import Final

from msgspec import Struct

from bouncegate.admin.installation import Installation
from bouncegate.admin.lists.census import Census, slowly
from bouncegate.admin.report.month import first_day, month_of
from bouncegate.admin.report.rates import PERIODS, rate_of
from bouncegate.admin.report.reading import Sources, providers_now
from bouncegate.admin.views.rows import listing_of
from bouncegate.admin.views.values import iso
from bouncegate.config.settings import AlarmSettings
from bouncegate.store.errors import StoreError
from bouncegate.store.lastmailed import DAY
from bouncegate.store.store import Store
from bouncegate.store.summary import LockCounts, PeriodRate, Summary

LOCKS: Final = {
    "hard": "hard",
    "soft": "soft",
    "complaint": "after a complaint",
    "by_hand": "by hand",
    "imported": "imported",
    "by_list": "by a list",
}


class LocksView(Struct):
    """Addresses by the lock that stops most of their mail."""

    total: int
    hard: int
    soft: int
    complaint: int
    by_hand: int
    imported: int
    by_list: int
    """Stale, invalid or predicted ones that `[lists]` refuses."""


class RateView(Struct):
    """The shares of the mail of some days, beside their limits; null is unknown."""

    days: int
    sends: int | None
    bounce_rate: float | None
    bounce_rate_limit: float
    hard_share: float | None
    hard_share_limit: float


class SummaryView(Struct):
    """The summary as scripts read it; times in UTC, ISO 8601."""

    counted: str | None
    """When the addresses and rates were counted."""
    age: int
    """How many seconds ago."""
    bounced: int
    detected: int
    locked: LocksView
    one_group: int
    """How many of the locked are locked for single groups alone."""
    domains: int
    """Domains that are locked as a whole."""
    predicted: int
    invalid: int
    stale: int
    ending: LocksView
    """How many of the locked are free within 7 days by the clock alone."""
    open_incidents: int
    """Now."""
    rates: list[RateView]


def summary_of(
    installation: Installation,
    store: Store,
    now: int,
    *,
    pause: Callable[[float], object] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Summary:
    """Count everything at `now`; raises StoreError, and Stopped."""
    listing = listing_of(installation, store, now)
    trust = installation.settings.return_path.count
    found = Census(store, listing, now, pause, stopped).take()
    arrivals = store.arrivals.since(first_day(now) * DAY)
    found.month = month_of(slowly(arrivals, pause, stopped), trust, now)
    try:
        ledger = installation.open_ledger()
    except StoreError:
        ledger = None
    sources = Sources(store, ledger, providers_now(store, installation.providers))
    found.rates = [rate_of(sources, trust, now, days) for days in PERIODS]
    return found


def summary_view(found: Summary, incidents: int, alarm: AlarmSettings, now: int) -> SummaryView:
    """A summary as scripts read it."""
    return SummaryView(
        counted=iso(found.time),
        age=max(now - found.time, 0),
        bounced=found.bounced,
        detected=found.detected,
        locked=locks_view(found.locked),
        one_group=found.one_group,
        domains=found.domains,
        predicted=found.predicted,
        invalid=found.invalid,
        stale=found.stale,
        ending=locks_view(found.ending),
        open_incidents=incidents,
        rates=[_rate(rate, alarm) for rate in found.rates],
    )


def locks_view(found: LockCounts) -> LocksView:
    """Counts of locks as scripts read them."""
    return LocksView(found.total, *(getattr(found, name) for name in LOCKS))


def _rate(found: PeriodRate, alarm: AlarmSettings) -> RateView:
    return RateView(
        days=found.days,
        sends=found.sends,
        bounce_rate=found.bounce_rate,
        bounce_rate_limit=alarm.bounce_rate,
        hard_share=found.hard_share,
        hard_share_limit=alarm.hard_share,
    )


def keep_summary(installation: Installation, store: Store, now: int, stop: Event) -> None:
    """Count, in slices with pauses, and keep what was counted; raises StoreError, Stopped."""
    store.summary.put(summary_of(installation, store, now, pause=stop.wait, stopped=stop.is_set))
