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
from bouncegate.store.summary import PeriodRate

PERIODS: Final = (7, 30)
"""Days."""


def rate_of(sources: Sources, trust: Collection[Trust], now: int, days: int) -> PeriodRate:
    """The shares of the sends of so many days, as far as the ledger reaches; raises StoreError."""
    period = as_kept(sources.store, Filters(since=now - days * DAY))
    since = sends_since(sources.ledger, period.since)
    if since is None:
        return PeriodRate(days, None, None, None)
    counting = Counting(subjects(sources.provider_of)["all"])
    read(sources, Scope(period, trust, since), [counting])
    totals = counting.of(ALL)
    found = summary_of(totals, totals.sends)
    return PeriodRate(days, found.sends, found.rate, found.hard_share)
