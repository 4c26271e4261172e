"""Bar charts as SVG within a page: drawn by the server, coloured by classes of the style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_WIDTH, _LEFT, _RIGHT = 724, 38, 718
_TOP, _BOTTOM = 16, 160
_LINES: Final = 4
"""Lines of the grid, with the one at zero."""
_EACH_LABEL: Final = 7
"""A label below the first bar of each week."""


@dataclass(frozen=True)
class Bar:
    """One rectangle: its class of the style sheet, and where it stands."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Column:
    """One day: its bars from below, what a pointer or a screen reader is told, its label."""

    x: float
    width: float
    bars: tuple[Bar, ...]
    title: str
    label: str


@dataclass(frozen=True)
class Grid:
    """A line of the grid and the number that it stands for."""

    y: float
    value: int


@dataclass(frozen=True)
class Chart:
    """Columns of stacked bars over a grid."""

    columns: tuple[Column, ...]
    grid: tuple[Grid, ...]
    width: int = _WIDTH
    height: int = 186
    left: int = _LEFT - 4
    right: int = _RIGHT
    bottom: int = _BOTTOM


@dataclass(frozen=True)
class Day:
    """What one column shows: values by kind, in the order of the stack."""

    values: Sequence[tuple[str, int]]
    title: str
    label: str


def stacked(days: Sequence[Day]) -> Chart:
    """A chart of days, scaled to the highest of them."""
    highest = max((sum(value for _, value in day.values) for day in days), default=0)
    top = _round_up(highest)
    step = (_RIGHT - _LEFT) / max(len(days), 1)
    return Chart(
        tuple(_column(day, number, step, top) for number, day in enumerate(days)),
        tuple(_line(number, top) for number in range(_LINES)),
    )


def _column(day: Day, number: int, step: float, top: int) -> Column:
    left = _LEFT + number * step
    bars: list[Bar] = []
    foot = float(_BOTTOM)
    for kind, value in day.values:
        height = value * (_BOTTOM - _TOP) / top
        foot -= height
        if value:
            bars.append(Bar(kind, round(left, 1), round(foot, 2), round(step * 0.76, 1), height))
    label = "" if number % _EACH_LABEL else day.label
    return Column(round(left, 1), round(step, 1), tuple(bars), day.title, label)


def _line(number: int, top: int) -> Grid:
    share = number / (_LINES - 1)
    return Grid(round(_BOTTOM - share * (_BOTTOM - _TOP), 1), round(top * share))


def _round_up(value: int) -> int:
    """The next number that the lines of the grid part evenly, with two digits that count."""
    step = int((_LINES - 1) * 10 ** max(len(str(value)) - 2, 0))
    return max(-(-value // step) * step, step)
