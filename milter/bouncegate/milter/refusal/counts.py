"""What a daemon of the send path counts of its decisions, in its own row of the scoreboard."""

from collections.abc import Sequence
from typing import Final

from bouncegate.config.taxonomy import GENERAL
from bouncegate.daemon.scoreboard import Counters, Name
from bouncegate.milter.refusal.decision import Outcome
from bouncegate.policy.records import Lock

DECISIONS: Final[tuple[Name, ...]] = (
    ("error",),
    *(("decision", str(outcome), str(reason)) for outcome in Outcome for reason in GENERAL),
)
"""The figures of these counts, to stand among a daemon's others."""


class DecisionCounts:
    """The decisions of one process."""

    def __init__(self, counters: Counters, figures: Sequence[Name]) -> None:
        """Count in a row that no other living process counts in, each at its place in `figures`."""
        self._counters = counters
        self._places = {
            name[1:]: place for place, name in enumerate(figures) if name[0] == "decision"
        }
        self._error = figures.index(("error",))

    def decided(self, outcome: Outcome, lock: Lock) -> None:
        """What became of a recipient whom a lock holds."""
        self._counters[self.place_of(outcome, lock)] += 1

    def place_of(self, outcome: Outcome, lock: Lock) -> int:
        """Where such decisions are counted, to be kept for `decided_at`."""
        return self._places[outcome, lock.reason.general]

    def decided_at(self, place: int) -> None:
        """The same as `decided`, for a place that is known."""
        self._counters[place] += 1

    def failed(self) -> None:
        """A recipient could not be judged."""
        self._counters[self._error] += 1
