"""The policy table, ready for use: which row decides over a bounce.

The rows, and which of them wins, are in `bouncegate.config.rows`; below all of them come
`[policy.hard]`, `[policy.soft]` and `[policy.complaint]`, which apply to all of their kind.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from bouncegate.config.durations import Duration
from bouncegate.config.rows import Case, holds, in_order, name_of
from bouncegate.config.settings import PolicySettings, Row, Scope, Threshold
from bouncegate.config.taxonomy import Kind
from bouncegate.config.values import Terms
from bouncegate.policy.disposition import spared_as
from bouncegate.policy.records import Event

# A busy sender's bounces have some hundred combinations; one that is known costs 0.4 us, one that
# is not a microsecond for each row.
_REMEMBERED: Final = 4096
# More than come between two deliveries, so that the row is known exactly; 320 octets of a state.
_MOST_MOMENTS: Final = 64


class PolicyRow(NamedTuple):
    """A row of the policy table, or the defaults of a kind: what it says of a bounce."""

    name: str
    """Its place in the config file."""
    failures: int
    """So many in a row lock."""
    window: Duration
    """How far back they count; no length: as far as the row goes."""
    lock: Terms
    """For how long; none: such a bounce never counts."""
    scope: Scope
    days: int = 0
    """From how many days they must come; 0: not said."""
    counts: bool = False
    """Whether bounces count that blame the sender or the message."""


class PolicyTable:
    """The rows of one configuration, ready for use."""

    def __init__(self, settings: PolicySettings) -> None:
        """Use rows that were checked when they were loaded."""
        self._defaults: Final = {
            Kind.HARD: _default("policy.hard", settings.hard),
            Kind.SOFT: _default("policy.soft", settings.soft),
            Kind.COMPLAINT: _default("policy.complaint", settings.complaint),
        }
        self._rows: Final = [(row, _ready(n, row)) for n, row in in_order(settings.row)]
        ready = [*self._defaults.values(), *(found for _, found in self._rows)]
        self.most: Final = max(_MOST_MOMENTS, *(one.failures for one in ready))
        """How many moments of failures in a row are kept: at least as many as any row asks for."""
        # A domain that no row names is left out of the case, which then recurs.
        self._domains: Final = frozenset(name for row in settings.row for name in row.provider)
        self._decide: Final = lru_cache(_REMEMBERED)(self._first)

    def row(self, event: Event) -> PolicyRow:
        """The row that decides over a bounce, which is hard or soft, or over a complaint."""
        if not self._rows:
            return self._defaults[event.kind]
        domain = event.address.rpartition("@")[2]
        case = Case(
            event.kind,
            event.category,
            event.reason,
            event.provider,
            domain if domain in self._domains else "",
            event.group,
            event.sender.strip("<>").lower(),
            spared_as(event) is not None,
        )
        return self._decide(case)

    def _first(self, case: Case) -> PolicyRow:
        found = (ready for row, ready in self._rows if holds(row, case))
        return next(found, self._defaults[case.kind])


def _default(name: str, one: Threshold) -> PolicyRow:
    return PolicyRow(name, one.failures, one.window, one.lock, one.scope, one.days)


def _ready(number: int, row: Row) -> PolicyRow:
    lock = row.lock or Terms()
    name = name_of(number)
    return PolicyRow(name, row.failures, row.window, lock, row.scope, row.days, row.counts)
