"""How a benchmark shows its figures: a table for people, JSON for plots and scripts."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any


def arguments(description: str | None, names: Collection[str] = ()) -> argparse.Namespace:
    """The options of all benchmarks; each reads those that mean something to it.

    `names`: of those that are in one module, of which one is run.
    """
    parser = argparse.ArgumentParser(description=description)
    if names:
        parser.add_argument("name", choices=names)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--locks", type=int, default=1_000_000, help="locks in the store")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds")
    parser.add_argument("--messages", type=int, default=200_000, help="messages of a long run")
    parser.add_argument("--connections", type=int, default=20_000, help="connections of a long run")
    parser.add_argument("--kills", type=int, default=1000, help="processes to be killed")
    parser.add_argument("--hours", type=float, default=1.0, help="length of `endurance`")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1, 10], help="sizes of a store, in million locks"
    )
    return parser.parse_args()


def show(title: str, rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows that have the same keys."""
    if as_json:
        json.dump({"benchmark": title, "machine": machine(), "rows": rows}, sys.stdout, indent=1)
        print()
        return
    columns = list(rows[0])
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    print(f"\n{title} ({machine()})\n")
    for line in (columns, *cells):
        first, *rest = [
            f"{cell:<{width}}" if n == 0 else f"{cell:>{width}}"
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join((first, *rest)))


def benchmarks(text: str) -> Iterator[dict[str, Any]]:
    """What was printed as JSON, one benchmark after the other; what else is there is left out."""
    decoder, place = json.JSONDecoder(), 0
    while (start := text.find("{", place)) >= 0:
        found, place = decoder.raw_decode(text, start)
        yield found


def machine() -> str:
    """What the figures were taken on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _cell(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
