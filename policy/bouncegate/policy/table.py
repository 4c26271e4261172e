"""The policy table made ready for use: which clause decides over a bounce.

The rows and the rule by which one of them wins are `bouncegate.config.rows`; below them stand
`[policy.hard]` and `[policy.soft]`, which hold for every bounce of their kind.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from bouncegate.config.durations import Duration
from bouncegate.config.rows import Case, holds, in_order, name_of
from bouncegate.config.settings import PolicySettings, Scope
from bouncegate.config.taxonomy import Kind
from bouncegate.config.values import Terms
from bouncegate.policy.records import Event

# A busy sender's bounces have some hundred combinations; one that is known costs 0.4 us, one that
# is not a microsecond for each row.
_REMEMBERED: Final = 4096
# More than come between two deliveries, so that the row is known exactly; 320 octets of a state.
_MOST_MOMENTS: Final = 64


class Clause(NamedTuple):
    """What the table says of a bounce."""

    name: str
    """Where it stands in the config file."""
    failures: int
    """So many in a row lock."""
    window: Duration
    """How far back they count; no length: as far as the row goes."""
    lock: Terms
    """For how long; none: such a bounce never counts."""
    scope: Scope


class Table:
    """The clauses of one configuration."""

    def __init__(self, settings: PolicySettings) -> None:
        """Take the rows as they are: whoever loaded them has looked for faults."""
        hard, soft = settings.hard, settings.soft
        self._defaults: Final = {
            Kind.HARD: Clause("policy.hard", hard.failures, hard.window, hard.lock, hard.scope),
            Kind.SOFT: Clause("policy.soft", soft.failures, soft.window, soft.lock, soft.scope),
        }
        self._rows: Final = [
            (row, Clause(name_of(n), row.failures, row.window, row.lock or Terms(), row.scope))
            for n, row in in_order(settings.row)
        ]
        clauses = [*self._defaults.values(), *(clause for _, clause in self._rows)]
        self.most: Final = max(_MOST_MOMENTS, *(clause.failures for clause in clauses))
        """Of how many failures in a row the moments are kept: at least what any clause asks for."""
        # A domain that no row names is left out of the case, which then recurs.
        self._domains: Final = frozenset(name for row in settings.row for name in row.provider)
        self._decide: Final = lru_cache(_REMEMBERED)(self._first)

    def clause(self, event: Event) -> Clause:
        """The clause that decides over a bounce, which is hard or soft."""
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
        )
        return self._decide(case)

    def _first(self, case: Case) -> Clause:
        found = (clause for row, clause in self._rows if holds(row, case))
        return next(found, self._defaults[case.kind])
