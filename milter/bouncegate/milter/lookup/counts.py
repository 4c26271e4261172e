"""What the map daemon counts, where somebody asks for figures."""

import time
from typing import Final

from bouncegate.daemon.counters import Name, Row, note_span, spans
from bouncegate.milter.lookup.protocol import Lookup
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts

FIGURES: Final[tuple[Name, ...]] = (*spans("recipient"), *DECISIONS)
"""The place of each number in a row."""


class Counts(DecisionCounts):
    """The figures of the daemon."""

    def __init__(self, row: Row) -> None:
        """Count in a row that no other living process counts in."""
        super().__init__(row, FIGURES)

    def timed(self, lookup: Lookup) -> Lookup:
        """The same look-up, and how long the answer to each address took."""
        row, clock = self._row, time.perf_counter_ns

        def timed_lookup(key: bytes) -> bytes:
            began = clock()
            answer = lookup(key)
            if b"@" in key:  # the domains that Postfix asks for as well are no recipients
                note_span(row, 0, began)
            return answer

        return timed_lookup
