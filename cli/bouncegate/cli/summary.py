"""`summary`: how many addresses are on which list, and what ends soon, at a glance."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.lists.census import Census
from bouncegate.admin.report.rates import PERIODS, rate_of
from bouncegate.admin.report.reading import Sources, providers_now
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.listing import listing_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, iso, write_json
from bouncegate.cli.report.table import percent
from bouncegate.cli.table import write_table
from bouncegate.config.settings import AlarmSettings
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.store import Store
from bouncegate.store.summary import LockCounts, PeriodRate, Summary

_LOCKS: Final = {
    "hard": "hard",
    "soft": "soft",
    "complaint": "after a complaint",
    "by_hand": "by hand",
    "imported": "imported",
    "by_list": "by a list",
}
_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60))


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


def summary(
    context: typer.Context,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Count now: some seconds for a million addresses.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how many addresses bounced, are locked, and end soon.

    "bouncegate maintain" counts every hour; the summary says when. If it has not counted yet, the
    summary counts. An address with several locks counts once. Rates are of all mail; the limits are
    in [alarm].

    Examples:

    bouncegate summary

    bouncegate summary --now --json
    """
    invocation = invocation_of(context)
    clock = int(time.time())
    try:
        with closing(invocation.open_store(readonly=True)) as store, closing(invocation):
            kept = None if now else store.summary.get()
            found = kept or summary_of(invocation, store, clock)
            incidents = sum(1 for one in store.incidents.all() if one.settled is None)
    except StoreMissing as error:
        complain(str(error))
        return
    view = _view(found, incidents, invocation.settings.alarm, clock)
    if json:
        write_json(view)
    else:
        write_table(("", "", ""), _rows(view, invocation.settings.alarm))


def keep_summary(invocation: Invocation, store: Store, now: int, stop: Event) -> None:
    """Count, in slices with pauses, and keep what was counted; raises StoreError, Stopped."""
    store.summary.put(summary_of(invocation, store, now, pause=stop.wait, stopped=stop.is_set))


def summary_of(
    invocation: Invocation,
    store: Store,
    now: int,
    *,
    pause: Callable[[float], object] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Summary:
    """Count everything at `now`; raises StoreError, and Stopped."""
    listing = listing_of(invocation, store, now)
    found = Census(store, listing, now, pause, stopped).take()
    trust = invocation.settings.return_path.count
    try:
        ledger = invocation.open_ledger()
    except StoreError:
        ledger = None
    sources = Sources(store, ledger, providers_now(store, invocation.providers))
    found.rates = [rate_of(sources, trust, now, days) for days in PERIODS]
    return found


def _view(found: Summary, incidents: int, alarm: AlarmSettings, now: int) -> SummaryView:
    return SummaryView(
        counted=iso(found.time),
        age=max(now - found.time, 0),
        bounced=found.bounced,
        detected=found.detected,
        locked=_locks(found.locked),
        one_group=found.one_group,
        domains=found.domains,
        predicted=found.predicted,
        invalid=found.invalid,
        stale=found.stale,
        ending=_locks(found.ending),
        open_incidents=incidents,
        rates=[_rate(rate, alarm) for rate in found.rates],
    )


def _locks(found: LockCounts) -> LocksView:
    return LocksView(found.total, *(getattr(found, name) for name in _LOCKS))


def _rate(found: PeriodRate, alarm: AlarmSettings) -> RateView:
    return RateView(
        days=found.days,
        sends=found.sends,
        bounce_rate=found.bounce_rate,
        bounce_rate_limit=alarm.bounce_rate,
        hard_share=found.hard_share,
        hard_share_limit=alarm.hard_share,
    )


def _rows(view: SummaryView, alarm: AlarmSettings) -> Iterator[tuple[object, ...]]:
    yield "bounced", f"{view.bounced:,}", ""
    yield "detected", f"{view.detected:,}", ""
    yield "locked", f"{view.locked.total:,}", ""
    yield from _rows_of_locks(view.locked)
    if view.one_group:
        yield "  of them for single groups alone", f"{view.one_group:,}", ""
    yield "  of them free within 7 days", f"{view.ending.total:,}", ""
    yield "locked domains", f"{view.domains:,}", ""
    yield "predicted", f"{view.predicted:,}", ""
    yield "invalid", f"{view.invalid:,}", ""
    yield "stale", f"{view.stale:,}", ""
    yield "open incidents", view.open_incidents, f"limit {alarm.incidents}"
    for rate in view.rates:
        days = f"{rate.days} days"
        is_judged = (rate.sends or 0) >= alarm.rates_from
        for what, share, limit in (
            ("bounce rate", rate.bounce_rate, rate.bounce_rate_limit),
            ("hard share", rate.hard_share, rate.hard_share_limit),
        ):
            is_above = is_judged and share is not None and share > limit
            words = f"{'above the ' * is_above}limit {percent(limit)}"
            yield f"{what} of {days}", percent(share) or "unknown", words
        if rate.sends is not None:
            yield f"sends of {days}", f"{rate.sends:,}", "" if is_judged else "too few to judge"
    yield "counted", view.counted, f"{_age(view.age)} ago"


def _rows_of_locks(locks: LocksView) -> Iterator[tuple[object, ...]]:
    for name, words in _LOCKS.items():
        if number := getattr(locks, name):
            yield f"  {words}", f"{number:,}", ""


def _age(seconds: int) -> str:
    """A length of time in its largest unit: seconds differ from call to call."""
    for unit, length in _UNITS:
        if seconds >= length:
            return counted(seconds // length, unit)
    return "less than a minute"
