"""Figures over time as SVG: a panel for each unit, a line for each figure."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

_WIDTH, _LEFT, _PLOT, _PANEL, _HEAD, _FOOT = 760, 60, 440, 180, 34, 26
# Okabe and Ito's colours, which differ for colour-blind readers too.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_STYLE: Final = "text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.axis{stroke:#999}"


def lines(title: str, along: str, rows: Sequence[dict[str, Any]]) -> str:
    """The SVG of rows over their column `along`; names end with a comma and what they count."""
    units: dict[str, list[str]] = {}
    for name in rows[0]:
        if name != along:
            units.setdefault(name.rpartition(", ")[2], []).append(name)
    height = _PANEL * len(units) + _HEAD
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}">'
        ),
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _text(8, 20, title, "title"),
    ]
    for number, (unit, names) in enumerate(units.items()):
        parts += _panel(unit, names, along, rows, _HEAD + _PANEL * number)
    return "\n".join((*parts, "</svg>", ""))


def _panel(
    unit: str, names: Sequence[str], along: str, rows: Sequence[dict[str, Any]], top: int
) -> Iterator[str]:
    bottom = top + _PANEL - _FOOT
    most = max((float(row[name]) for name in names for row in rows), default=0) or 1
    end = max(float(row[along]) for row in rows) or 1
    for share in (0, 0.5, 1):
        y = bottom - share * (bottom - top - 14)
        yield f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + _PLOT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(4, y + 4, _in_short(share * most))
    yield _text(_LEFT, bottom + 16, f"0 to {end:,.3g} {along}")
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(
            f"{_LEFT + float(row[along]) / end * _PLOT:.1f},"
            f"{bottom - float(row[name]) / most * (bottom - top - 14):.1f}"
            for row in rows
        )
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'
        y = top + 26 + 18 * number
        yield f'<rect x="{_LEFT + _PLOT + 12}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        yield _text(_LEFT + _PLOT + 28, y, name)


def _in_short(value: float) -> str:
    """A figure with three digits at least, and without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
