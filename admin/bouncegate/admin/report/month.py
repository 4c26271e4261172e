"""The last 30 days at a glance: bounces by day, by reason, by mailing, for the start page.

What a page shows at once is counted before, with the lists (`bouncegate.admin.lists.census`):
a million bounces take seconds, which would stop a page for everybody.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from bouncegate.admin.report.counting import Scope
from bouncegate.admin.report.filters import Filters
from bouncegate.config.settings import Trust
from bouncegate.config.taxonomy import Kind, ReportedKind
from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.guard import provider_of_event
from bouncegate.policy.records import Event
from bouncegate.store.arrivals import Arrival
from bouncegate.store.lastmailed import DAY
from bouncegate.store.summary import DayCounts, MailingCounts, Month

DAYS: Final = 30
MOST: Final = 12
"""How many reasons and mailings are kept."""
_MOST_NAMES: Final = 10_000
"""Names that are counted at most: strangers can make some up."""
_CHOICES: Final = 50
"""Providers and groups that a filter offers."""


def first_day(now: int) -> int:
    """The day since 1970 with which the month begins that ends today."""
    return now // DAY - DAYS + 1


def month_of(arrivals: Iterable[Arrival], trust: Collection[Trust], now: int) -> Month:
    """Count the bounces of 30 days, today's included, that count by how they were verified."""
    begin = first_day(now)
    scope = Scope(Filters(since=begin * DAY), trust)
    days = [DayCounts(day) for day in range(begin, begin + DAYS)]
    reasons, providers, groups = Counter[str](), Counter[str](), Counter[str]()
    mailings: dict[str, MailingCounts] = {}
    for arrival in arrivals:
        event = arrival.event
        if event.kind is Kind.COMPLAINT or not scope.counts(arrival):
            continue
        day = event.time // DAY - begin
        if not 0 <= day < DAYS:
            continue
        kind = reported_kind(event)
        _add(days[day], kind)
        _count(reasons, event.reason.general)
        _count(providers, provider_of_event(event))
        _count(groups, event.group)
        _of_mailing(mailings, event, kind)
    latest = sorted(mailings.values(), key=lambda one: -one.last)
    return Month(
        days,
        reasons.most_common(MOST),
        latest[:MOST],
        sorted(name for name, _ in providers.most_common(_CHOICES) if name),
        sorted(name for name, _ in groups.most_common(_CHOICES) if name),
    )


def _of_mailing(mailings: dict[str, MailingCounts], event: Event, kind: ReportedKind) -> None:
    if not event.mailing or (event.mailing not in mailings and len(mailings) >= _MOST_NAMES):
        return
    counts = mailings.setdefault(event.mailing, MailingCounts(event.mailing))
    counts.last = max(counts.last, event.time)
    _add(counts, kind)


def _add(counts: DayCounts | MailingCounts, kind: ReportedKind) -> None:
    name = str(kind)
    setattr(counts, name, getattr(counts, name) + 1)


def _count(counter: Counter[str], name: str) -> None:
    if name in counter or len(counter) < _MOST_NAMES:
        counter[name] += 1
