"""What the map daemon counts, in its own row of the scoreboard."""

import time
from typing import Final

from bouncegate.daemon.scoreboard import Counters, Name, note_span, spans
from bouncegate.milter.lookup.protocol import Lookup
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts

FIGURES: Final[tuple[Name, ...]] = (*spans("recipient"), *DECISIONS)
"""The place of each number in a row."""


class Counts(DecisionCounts):
    """The figures of the daemon."""

    def __init__(self, counters: Counters) -> None:
        """Count in a row that no other living process counts in."""
        super().__init__(counters, FIGURES)

    def timed(self, lookup: Lookup) -> Lookup:
        """The same look-up, and how long the answer to each address took."""
        counters, clock = self._counters, time.perf_counter_ns

        def timed_lookup(key: bytes) -> bytes:
            began = clock()
            answer = lookup(key)
            if b"@" in key:  # the domains that Postfix asks for as well are no recipients
                note_span(counters, 0, began)
            return answer

        return timed_lookup
