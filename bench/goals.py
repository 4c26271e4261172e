"""What the benchmarks have to reach, and whether they do: `python -m bench --check`.

A goal is a ratio of one run: absolute times say nothing on another machine. It is missed if even
the better end of the spread does not reach it; where the median alone misses it, that is said.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from bench.figures import Spread, spread_of

Found = Mapping[str, Any]
"""What a benchmark prints with `--json`."""


class Goal(NamedTuple):
    """One figure, and what it may be at most, or must be at least."""

    benchmark: str
    """By which `python -m bench` knows it."""
    table: str
    """What is in the title of its table."""
    row: str
    """The words of the row, all of them: `8, 50` is that with 8 connections and 50 recipients."""
    column: str
    most: float | None = None
    least: float | None = None

    @property
    def bound(self) -> str:
        """In words."""
        return f"at most {self.most}" if self.most is not None else f"at least {self.least}"

    def verdict(self, figure: Spread) -> str:
        """`reached`, `within the spread` or `MISSED`."""
        if self.most is not None:
            middle, best = figure.middle <= self.most, figure.low <= self.most
        else:
            assert self.least is not None
            middle, best = figure.middle >= self.least, figure.high >= self.least
        return "reached" if middle else "within the spread" if best else MISSED


MISSED: Final = "MISSED"
_C: Final = "of yardstick in C"
_TIME: Final = "time, of yardstick in C"
_RATE: Final = "rate / C's"
_SAMPLES: Final = "tests/samples"

GOALS: Final = (
    Goal("postfix", "postfix end to end", "milter", _TIME, most=1.0),
    Goal("postfix", "postfix end to end", "milter, signed", _TIME, most=1.1),
    Goal("postfix", "postfix end to end", "milter, signed, ledger", _TIME, most=1.15),
    Goal("recipients", "with 50 a message", "milter", _TIME, most=1.0),
    Goal("recipients", "with 50 a message", "milter", _C, least=0.95),
    Goal("refused", "refused end to end", "milter", _TIME, most=1.15),
    Goal("refused", "refused end to end", "milter", _C, least=0.9),
    Goal("milter_protocol", "milter protocol", "as Postfix, 8, 1", _RATE, least=0.95),
    Goal("milter_protocol", "milter protocol", "as Postfix, 8, 50", _RATE, least=0.95),
    Goal("dsns", "on a disk", "LMTP, 32 connections", "of Postfix", least=4),
    Goal("dsns", "in memory", "LMTP, 32 connections", "of Postfix", least=6),
    Goal("classification", _SAMPLES, "bouncegate, reading", "times email", least=0.85),
    Goal(
        "classification",
        _SAMPLES,
        "bouncegate, reading and classifying",
        "times email",
        least=0.7,
    ),
    Goal("scale", "look-up", "50", "of the first", most=1.6),
)
"""Each with its reason in docs/benchmarks.md."""


class Judged(NamedTuple):
    """A goal and what was found."""

    goal: Goal
    figure: str
    """As the benchmark writes it; empty where it was not measured."""
    verdict: str


def judged(goals: Iterable[Goal], found: Iterable[Found]) -> Iterator[Judged]:
    """Each goal; one whose row is in no table was not measured, which is no miss."""
    tables = list(found)
    for goal in goals:
        figure = next(_figures(goal, tables), None)
        if figure is None:
            yield Judged(goal, "", "not measured")
        else:
            yield Judged(goal, str(figure), goal.verdict(spread_of(figure)))


def _figures(goal: Goal, tables: Iterable[Found]) -> Iterator[str | float]:
    for table in tables:
        if goal.table not in table["benchmark"]:
            continue
        for row in table["rows"]:
            labels = [str(value) for value in list(row.values())[: goal.row.count(", ") + 1]]
            if goal.row in (labels[0], ", ".join(labels)):
                yield row[goal.column]
