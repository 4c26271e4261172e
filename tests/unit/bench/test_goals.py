"""Goals of benchmarks: reached, within the spread, missed or not measured."""

import pytest
from bench.__main__ import BENCHMARKS
from bench.figures import Spread, spread, spread_of
from bench.goals import GOALS, Goal, judged

TABLES = [
    {
        "benchmark": "refused end to end, on tmpfs",
        "rows": [
            {"postfix": "yardstick", "time": "1.00 (1.00 to 1.00)"},
            {"postfix": "milter", "time": "1.20 (1.10 to 1.30)", "rate": "0.80 (0.70 to 0.95)"},
            {"postfix": "milter, signed", "time": "1.40 (1.30 to 1.50)"},
        ],
    },
    {
        "benchmark": "protocol",
        "rows": [
            {"load": "as Postfix", "connections": 8, "recipients": 1, "rate": 0.9},
            {"load": "as Postfix", "connections": 8, "recipients": 50, "rate": 1.5},
        ],
    },
]


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal("refused", "refused", "milter", "time", most=1.2), "reached"),
        (Goal("refused", "refused", "milter", "time", most=1.15), "within the spread"),
        (Goal("refused", "refused", "milter", "time", most=1.05), "MISSED"),
        (Goal("refused", "refused", "milter", "rate", least=0.8), "reached"),
        (Goal("refused", "refused", "milter", "rate", least=0.9), "within the spread"),
        (Goal("refused", "refused", "milter", "rate", least=1.0), "MISSED"),
        (Goal("refused", "refused", "milter, signed", "time", most=1.2), "MISSED"),
        (Goal("refused", "refused", "map", "time", most=1.2), "not measured"),
        (Goal("refused", "disk", "milter", "time", most=1.2), "not measured"),
        (Goal("protocol", "protocol", "as Postfix, 8, 50", "rate", least=1.0), "reached"),
        (Goal("protocol", "protocol", "as Postfix, 8, 1", "rate", least=1.0), "MISSED"),
    ],
)
def test_a_goal_is_judged_by_its_row_and_spread(goal: Goal, verdict: str) -> None:
    (result,) = judged([goal], TABLES)
    assert result.verdict == verdict


def test_what_spread_writes_is_read_again() -> None:
    assert spread_of(spread([1234.5, 0.5, 7.25])) == Spread(7.25, 0.5, 1234.5)
    assert spread_of(0.75) == Spread(0.75, 0.75, 0.75)
    with pytest.raises(ValueError, match="no figure"):
        spread_of("-")


def test_each_goal_is_of_a_benchmark_and_has_one_bound() -> None:
    assert {goal.benchmark for goal in GOALS} <= set(BENCHMARKS)
    assert all((goal.most is None) != (goal.least is None) for goal in GOALS)
