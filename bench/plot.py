"""Draws what benchmarks print with `--json`: an SVG with a panel for each, bars with their spread.

    python -m bench planes dsns scale --json >figures.json
    python -m bench.plot figures.json >docs/benchmarks.svg

A bar is the figure of a row; where a row tells a spread, as "0.81 (0.70 to 0.92)", a line shows it.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

# Which column of a benchmark is drawn: the first of these that it has.
_DRAWN: Final = (
    "time, of bare",
    "of bare",
    "DSNs/s",
    "warm, us",
    "MB",
    "recipients/s, of C's",
    "rate",
    "MB at last",
    "look-ups/s",
)
_NUMBER: Final = r"-?[\d,]+(?:\.\d+)?"
_SPREAD: Final = re.compile(rf"({_NUMBER})(?: \(({_NUMBER})(?:-| to )({_NUMBER})\))?")
_WIDTH, _LABELS, _BARS, _ROW, _HEAD = 760, 250, 400, 24, 48
_STYLE: Final = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}.value{fill:#555}"
    ".bar{fill:#3b6ea5}.spread{stroke:#111;stroke-width:1.5}"
)


class Bar(NamedTuple):
    """A row that is drawn."""

    label: str
    value: float
    low: float
    high: float


class Panel(NamedTuple):
    """A benchmark that is drawn."""

    title: str
    column: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """In pixels."""
        return _HEAD + _ROW * len(self.bars)


def benchmarks(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a text, one after the other."""
    decoder, place = json.JSONDecoder(), 0
    while (start := text.find("{", place)) >= 0:
        found, place = decoder.raw_decode(text, start)
        yield found


def panel(found: dict[str, Any]) -> Panel | None:
    """What is drawn of a benchmark; None if it has no figure that we know how to draw."""
    rows: list[dict[str, Any]] = found["rows"]
    column = next((name for name in _DRAWN if name in rows[0]), None)
    if column is None:
        return None
    label = next(iter(rows[0]))
    unit = f" {label}" if isinstance(rows[0][label], int) else ""
    bars = [_bar(f"{row[label]}{unit}", str(row[column])) for row in rows]
    return Panel(found["benchmark"], column, [bar for bar in bars if bar is not None])


def drawing(panels: Sequence[Panel]) -> str:
    """The SVG."""
    height = sum(one.height for one in panels)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}">'
        ),
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    top = 0
    for one in panels:
        parts += _panel(one, top)
        top += one.height
    return "\n".join((*parts, "</svg>", ""))


def _panel(one: Panel, top: int) -> Iterator[str]:
    yield _text("title", 8, top + 24, f"{one.title}: {one.column}")
    scale = _BARS / (max(max(bar.value, bar.high) for bar in one.bars) or 1)
    for number, bar in enumerate(one.bars):
        y = top + 36 + _ROW * number
        yield _text("", 8, y + 13, bar.label)
        yield (
            f'<rect class="bar" x="{_LABELS}" y="{y}" width="{bar.value * scale:.1f}" '
            f'height="{_ROW - 8}"/>'
        )
        if bar.low < bar.high:
            left, right = _LABELS + bar.low * scale, _LABELS + bar.high * scale
            middle = y + (_ROW - 8) / 2
            yield (
                f'<line class="spread" x1="{left:.1f}" x2="{right:.1f}" y1="{middle}" '
                f'y2="{middle}"/>'
            )
        end = _LABELS + max(bar.value, bar.high) * scale
        yield _text("value", end + 6, y + 13, f"{bar.value:,.10g}")


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'


def _bar(label: str, figure: str) -> Bar | None:
    match = _SPREAD.match(figure)
    if match is None:
        return None
    value = _number(match[1])
    return Bar(label, value, _number(match[2] or match[1]), _number(match[3] or match[1]))


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def main() -> None:
    """Draw the files that are named, or standard input."""
    text = "".join(Path(name).read_text() for name in sys.argv[1:]) or sys.stdin.read()
    panels = [one for found in benchmarks(text) if (one := panel(found)) is not None and one.bars]
    if not panels:
        sys.exit("bench.plot: nothing to draw: give it what a benchmark prints with --json")
    print(drawing(panels), end="")


if __name__ == "__main__":
    main()
