"""Draws what benchmarks print with `--json`: an SVG with a panel for each, bars with their spread.

    python -m bench planes dsns scale --json >figures.json
    python -m bench.plot figures.json >docs/benchmarks.svg

A bar is the figure of a row; where a row tells a spread, as "0.81 (0.70 to 0.92)", a line shows it.
What `endurance` prints is a picture of its own, of lines over time.
"""

import sys
from pathlib import Path
from typing import Any, Final

from bench.figures import spread_of
from bench.lines import lines
from bench.output import benchmarks
from bouncegate.admin.report.svg import Bar, Chart, svg

# Which column of a benchmark is drawn: the first of these that it has.
_DRAWN: Final = (
    "time, of bare",
    "of bare",
    "DSNs/s",
    "warm, us",
    "MB",
    "rate",
    "MB at last",
)
_ALONG: Final = "hours"


def panel(found: dict[str, Any]) -> Chart | None:
    """What is drawn of a benchmark; None if it has no figure that we know how to draw."""
    rows: list[dict[str, Any]] = found["rows"]
    column = next((name for name in _DRAWN if name in rows[0]), None)
    if column is None:
        return None
    label = next(iter(rows[0]))
    unit = f" {label}" if isinstance(rows[0][label], int) else ""
    bars = [_bar(f"{row[label]}{unit}", str(row[column])) for row in rows]
    title = f"{found['benchmark']}: {column}"
    return Chart(title, [bar for bar in bars if bar is not None])


def _bar(label: str, figure: str) -> Bar | None:
    try:
        value, low, high = spread_of(figure)
    except ValueError:
        return None
    return Bar(label, (value,), low, high)


def main() -> None:
    """Draw the files that are named, or standard input."""
    text = "".join(Path(name).read_text() for name in sys.argv[1:]) or sys.stdin.read()
    for found in benchmarks(text):
        if _ALONG in found["rows"][0]:
            print(lines(found["benchmark"], _ALONG, found["rows"]), end="")
            return
    panels = [one for found in benchmarks(text) if (one := panel(found)) is not None and one.bars]
    if not panels:
        sys.exit("bench.plot: nothing to draw: give it what a benchmark prints with --json")
    print(svg(panels), end="")


if __name__ == "__main__":
    main()
