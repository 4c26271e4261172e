"""A tally as figures: counts, and shares where it is known what was sent."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from bouncegate.admin.report.counting import Counting
from bouncegate.admin.report.totals import Totals, share
from bouncegate.store.lastmailed import DAY

# A ten-thousandth of a percent; what is finer is noise of a division.
_DIGITS: Final = 6


class Summary(Struct, frozen=True):
    """What is told of one name; None is what nobody knows."""

    bounces: int
    """Bounces that came in the period."""
    addresses: int
    """Addresses that they are counted for; of all but a group each bounce is counted by itself."""
    hard: int
    soft: int
    categories: dict[str, int]
    complaints: int
    held: int
    unverified: int
    sends: int | None
    """Recipients sent to in the period, as far as the ledger reaches back."""
    sends_bounced: int | None
    """How many of these sends have bounced so far."""
    rate: float | None
    """The share of these sends that bounced,"""
    hard_share: float | None
    """that bounced hard,"""
    complaint_rate: float | None
    """and that were complained of."""


def summary_of(totals: Totals, sends: int | None) -> Summary:
    """The figures of a tally; `sends` is what its shares are of, None where that is unknown."""
    return Summary(
        bounces=totals.bounces,
        addresses=totals.failures,
        hard=totals.hard,
        soft=totals.soft,
        categories=totals.categories,
        complaints=totals.complaints,
        held=totals.held,
        unverified=totals.unverified,
        sends=sends,
        sends_bounced=None if sends is None else totals.sends_bounced,
        rate=_share(totals.sends_bounced, sends),
        hard_share=_share(totals.sends_bounced_hard, sends),
        complaint_rate=_share(totals.complained, sends),
    )


def rows_of(counting: Counting, sends: int | None) -> Iterator[tuple[str, Summary]]:
    """Each name with its figures: days in their order, all else the most bounces first.

    `sends` are those of all names together, None where they are unknown.
    """
    totals_by_name = counting.totals_by_name()
    by_day = counting.subject.name == "day"
    order = (
        sorted(totals_by_name)
        if by_day
        else sorted(totals_by_name, key=lambda n: _rank(n, totals_by_name))
    )
    shared = counting.subject.of_sent is None and counting.subject.of_domain is None
    for name in order:
        totals = totals_by_name[name]
        of = None if sends is None else sends if shared else totals.sends
        yield date_of(name) if by_day else name, summary_of(totals, of)


def _rank(name: str, totals_by_name: Mapping[str, Totals]) -> tuple[int, int, str]:
    totals = totals_by_name[name]
    return -totals.failures, -totals.sends, name


def date_of(day: str) -> str:
    """A day, counted from 1970, as ISO 8601 writes it."""
    return datetime.fromtimestamp(int(day) * DAY, UTC).date().isoformat()


def _share(part: int, whole: int | None) -> float | None:
    found = None if whole is None else share(part, whole)
    return None if found is None else round(found, _DIGITS)
