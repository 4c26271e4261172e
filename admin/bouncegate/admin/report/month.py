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
from bouncegate.store.arrivals import Arrival
from bouncegate.store.lastmailed import DAY
from bouncegate.store.summary import DayCounts, Month, NameCounts

DAYS: Final = 30
MOST: Final = 50
"""How many reasons, mailings and groups are kept."""
_MOST_NAMES: Final = 10_000
"""Names that are counted at most: strangers can make some up."""


def first_day(now: int) -> int:
    """The day since 1970 with which the month begins that ends today."""
    return now // DAY - DAYS + 1


def month_of(arrivals: Iterable[Arrival], trust: Collection[Trust], now: int) -> Month:
    """Count the bounces of 30 days, today's included, that count by how they were verified."""
    begin = first_day(now)
    scope = Scope(Filters(since=begin * DAY), trust)
    days = [DayCounts(day) for day in range(begin, begin + DAYS)]
    reasons, providers = Counter[str](), Counter[str]()
    mailings: dict[str, NameCounts] = {}
    groups: dict[str, NameCounts] = {}
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
        _count_name(mailings, event.mailing, event.time, kind)
        _count_name(groups, event.group, event.time, kind)
    return Month(
        days,
        reasons.most_common(MOST),
        _latest(mailings),
        _latest(groups),
        sorted(name for name, _ in providers.most_common(MOST) if name),
    )


def _latest(counts: dict[str, NameCounts]) -> list[NameCounts]:
    return sorted(counts.values(), key=lambda one: -one.last)[:MOST]


def _count_name(counts: dict[str, NameCounts], name: str, time: int, kind: ReportedKind) -> None:
    if not name or (name not in counts and len(counts) >= _MOST_NAMES):
        return
    of_name = counts.setdefault(name, NameCounts(name))
    of_name.last = max(of_name.last, time)
    _add(of_name, kind)


def _add(counts: DayCounts | NameCounts, kind: ReportedKind) -> None:
    name = str(kind)
    setattr(counts, name, getattr(counts, name) + 1)


def _count(counter: Counter[str], name: str) -> None:
    if name in counter or len(counter) < _MOST_NAMES:
        counter[name] += 1
