"""The summary of a report: totals, and rates if the number of sends is known."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from bouncegate.admin.report.counting import Counting
from bouncegate.admin.report.totals import Totals
from bouncegate.config.structs import struct_from
from bouncegate.store.lastmailed import date_of

# A ten-thousandth of a percent: more digits are noise.
_DIGITS: Final = 6


class Summary(Struct, frozen=True):
    """The figures of one name; None is unknown."""

    bounces: int
    """Bounces that came in the period."""
    addresses: int
    """Addresses of these bounces; except by group, each bounce counts."""
    hard: int
    """Those that do not blame the sender."""
    soft: int
    blocked: int
    """Hard ones that blame the sender."""
    categories: dict[str, int]
    complaints: int
    held: int
    unverified: int
    refused: int
    """Recipients that the send path refused, as far as the ledger reaches back."""
    recipients: int | None
    """Those sent to and those refused."""
    sends: int | None
    """Recipients of sends in the period, as far as the ledger reaches back."""
    sends_bounced: int | None
    """How many of these sends have bounced so far."""
    delivered: int | None
    """How many of these sends have not."""
    rate: float | None
    """The share of these sends that bounced."""
    hard_share: float | None
    """The share that bounced hard, blocked ones apart."""
    blocked_share: float | None
    complaint_rate: float | None
    """The share with complaints."""


def summary_of(totals: Totals, sends: int | None) -> Summary:
    """The summary of totals; `sends` is the base of the rates, None if unknown."""
    return struct_from(
        totals,
        Summary,
        addresses=totals.failures,
        recipients=None if sends is None else sends + totals.refused,
        sends=sends,
        sends_bounced=None if sends is None else totals.sends_bounced,
        delivered=None if sends is None else max(sends - totals.sends_bounced, 0),
        rate=_rate(totals.sends_bounced, sends),
        hard_share=_rate(totals.sends_bounced_hard, sends),
        blocked_share=_rate(totals.sends_blocked, sends),
        complaint_rate=_rate(totals.complained, sends),
    )


def rows_of(counting: Counting, sends: int | None) -> Iterator[tuple[str, Summary]]:
    """Each name with its summary: days in order, other subjects by most bounces.

    `sends` are those of all names together, None if unknown.
    """
    by_name = counting.totals_by_name()
    by_day = counting.subject.name == "day"
    order = sorted(by_name, key=None if by_day else lambda name: _rank(name, by_name[name]))
    shared = counting.subject.of_sent is None and counting.subject.of_domain is None
    for name in order:
        totals = by_name[name]
        of = None if sends is None else sends if shared else totals.sends
        yield date_of(int(name)) if by_day else name, summary_of(totals, of)


def _rank(name: str, totals: Totals) -> tuple[int, int, str]:
    return -totals.failures, -totals.sends, name


def _rate(part: int, whole: int | None) -> float | None:
    return round(part / whole, _DIGITS) if whole else None
