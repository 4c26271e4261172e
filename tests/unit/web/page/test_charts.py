"""Charts of a page: bars are in proportion, stacked, and within the picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.web.page.charts import Day, stacked

_VALUES = st.lists(
    st.tuples(*(st.integers(0, 3_000_000),) * 3).map(
        lambda values: list(zip(("hard", "soft", "blocked"), values, strict=True))
    ),
    max_size=40,
)


@given(_VALUES)
def test_bars_stand_on_each_other_and_stay_below_the_top(
    days: list[list[tuple[str, int]]],
) -> None:
    drawn = stacked([Day(values, "", "") for values in days])
    for column, values in zip(drawn.columns, days, strict=True):
        foot = float(drawn.bottom)
        assert [bar.kind for bar in column.bars] == [kind for kind, value in values if value]
        for bar in column.bars:
            assert bar.y + bar.height == pytest.approx(foot, abs=0.02)
            foot = bar.y
        assert foot >= 15.9


@given(_VALUES)
def test_the_grid_tells_the_values_of_the_bars(days: list[list[tuple[str, int]]]) -> None:
    drawn = stacked([Day(values, "", "") for values in days])
    zero, *_, top = drawn.grid
    assert zero.value == 0
    each = (zero.y - top.y) / top.value
    for column, values in zip(drawn.columns, days, strict=True):
        whole = sum(value for _, value in values)
        assert sum(bar.height for bar in column.bars) == pytest.approx(whole * each, abs=0.01)
        assert whole <= top.value


def test_the_first_day_of_each_week_is_labelled() -> None:
    drawn = stacked([Day((), "", str(number)) for number in range(30)])
    assert [one.label for one in drawn.columns if one.label] == ["0", "7", "14", "21", "28"]
