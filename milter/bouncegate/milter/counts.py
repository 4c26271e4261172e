"""The counters of a worker, in its own row of the scoreboard.

With [metrics] each answer is timed: a recipient without a lock costs two readings of the clock and
two additions beside the look-up (`python -m bench counting`). Without, such a recipient costs
nothing.
"""

import time
from typing import TYPE_CHECKING, Final

from bouncegate.daemon.scoreboard import SPANS, Counters, Name, spans
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts
from bouncegate.store.tokens.token import Finding

if TYPE_CHECKING:
    from milter import Context

    from bouncegate.milter.rcpt import Rcpt

FIGURES: Final[tuple[Name, ...]] = (
    *spans("recipient"),
    ("send", "recorded"),
    ("send", "lost"),
    ("last-send",),
    ("refusal", "recorded"),
    ("refusal", "lost"),
    *(("door", str(finding)) for finding in Finding),
    *DECISIONS,
)
"""The place of each number in a row."""

_RECORDED: Final = FIGURES.index(("send", "recorded"))
_LOST: Final = FIGURES.index(("send", "lost"))
_LAST_SEND: Final = FIGURES.index(("last-send",))
_REFUSALS: Final = FIGURES.index(("refusal", "recorded"))
_REFUSALS_LOST: Final = FIGURES.index(("refusal", "lost"))
_FINDINGS: Final = {name[1]: place for place, name in enumerate(FIGURES) if name[0] == "door"}


class Counts(DecisionCounts):
    """The figures of one worker."""

    def __init__(self, counters: Counters) -> None:
        """Count in a row that no other living process counts in."""
        super().__init__(counters, FIGURES)

    def timed(self, rcpt: "Rcpt") -> "Rcpt":
        """The same step, and how long each answer took."""
        counters, clock = self._counters, time.perf_counter_ns

        def timed_rcpt(context: "Context", recipient: bytes, *parameters: bytes) -> int:
            began = clock()
            answer = rcpt(context, recipient, *parameters)
            took = clock() - began
            counters[took.bit_length()] += 1  # the histogram stands at the beginning of the row
            counters[SPANS] += took
            return answer

        return timed_rcpt

    def token_found(self, finding: Finding) -> None:
        """A recipient below a return domain was answered, by what its token proves."""
        self._counters[_FINDINGS[finding]] += 1

    def sent(self, now: int) -> None:
        """A send was handed to the ledger at a time, or (0) could not be."""
        if not now:
            self._counters[_LOST] += 1
            return
        self._counters[_RECORDED] += 1
        self._counters[_LAST_SEND] = now

    def refused(self, recorded: int = 0, lost: int = 0) -> None:
        """Refused recipients were handed to the ledger, or could not be."""
        self._counters[_REFUSALS] += recorded
        self._counters[_REFUSALS_LOST] += lost
