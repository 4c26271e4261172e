"""The bounce rate of all mail of the last days, for the summary."""

from collections.abc import Collection
from typing import Final

from bouncegate.admin.report.counting import Counting, Scope
from bouncegate.admin.report.filters import Filters
from bouncegate.admin.report.groupby import ALL, subjects
from bouncegate.admin.report.reading import Sources, as_kept, read, sends_since
from bouncegate.admin.report.summary import summary_of
from bouncegate.config.settings import Trust
from bouncegate.store.lastmailed import DAY
from bouncegate.store.sendrates import HOUR
from bouncegate.store.summary import PeriodRate

PERIODS: Final = (7, 30)
"""Days."""


def rate_of(sources: Sources, trust: Collection[Trust], now: int, days: int) -> PeriodRate:
    """The shares of the sends of so many days, as far as the ledger reaches; raises StoreError.

    By whole hours, whose sends the ledger has counted: a month of a million a day is read in
    milliseconds. One that an earlier version has written is read as a whole, for a month.
    """
    period = as_kept(sources.store, Filters(since=_next_hour(now - days * DAY)))
    oldest = sends_since(sources.ledger, period.since)
    if sources.ledger is None or oldest is None:
        return PeriodRate(days, None, None, None)
    # What is forgotten is forgotten by entries, its rates by hours: the first one may be partial.
    first = oldest // HOUR * HOUR
    since = first if sources.ledger.rates.total(first, first) else _next_hour(oldest)
    total = sources.ledger.rates.total(since, now)
    counting = Counting(subjects(sources.provider_of)["all"])
    read_from = sources if total is None else sources._replace(ledger=None)
    read(read_from, Scope(period, trust, since), [counting])
    totals = counting.of(ALL)
    if total is not None:
        totals.sends = total
    found = summary_of(totals, totals.sends)
    return PeriodRate(days, found.sends, found.rate, found.hard_share)


def _next_hour(time: int) -> int:
    """The beginning of the next hour, or of this one if it begins now."""
    return -(-time // HOUR) * HOUR
