"""Tables for people: as wide as the terminal; in a pipe, one line a row without colour.

Where a terminal is too narrow for the columns, each row is a block of lines.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from shutil import get_terminal_size
from textwrap import wrap
from typing import Final

from bouncegate.config.text import printable

_ROWS_THAT_SET_WIDTHS: Final = 500
_GAP: Final = "  "
# A column that is folded to less than this reads worse than a block.
_NARROWEST: Final = 14
# SGR parameters of ECMA-48, for the words that an operator looks for.
_RED, _YELLOW, _GREEN = "31", "33", "32"
_COLOURS: Final = {
    **dict.fromkeys(("error", "critical", "locked", "broken", "invalid", "dead"), _RED),
    **dict.fromkeys(("warning", "forbidden", "typo", "stale", "attached in part"), _YELLOW),
    **dict.fromkeys(("ok", "good", "attached"), _GREEN),
}


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table of any length: its columns are as wide as the first rows ask for.

    Columns without any title have no head.
    """
    cells = map(_cells, rows)
    first = list(islice(cells, _ROWS_THAT_SET_WIDTHS))
    widths = [max(map(len, column)) for column in zip(columns, *first, strict=True)]
    is_terminal = sys.stdout.isatty()
    paints = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    fitting = _fitting(widths, get_terminal_size().columns) if is_terminal else widths
    fold = _folded if is_terminal else _line
    if _is_too_narrow(widths, fitting):
        lines = chain.from_iterable(_block(columns, row) for row in chain(first, cells))
    else:
        head = [list(columns)] if any(columns) else []
        every = chain(head, first, cells)
        lines = chain.from_iterable(fold(row, fitting, paints=paints) for row in every)
    for line in lines:
        print(line)


def _cells(row: Sequence[object]) -> list[str]:
    return ["-" if cell in (None, "") else printable(str(cell)) for cell in row]


def _fitting(widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit into the terminal: the widest columns share what the others leave."""
    left = room - len(_GAP) * (len(widths) - 1)
    fitting = list(widths)
    order = sorted(range(len(widths)), key=widths.__getitem__)
    for done, number in enumerate(order):
        fitting[number] = min(widths[number], max(left // (len(widths) - done), 1))
        left -= fitting[number]
    return fitting


def _is_too_narrow(widths: Sequence[int], fitting: Sequence[int]) -> bool:
    return any(fits < min(width, _NARROWEST) for width, fits in zip(widths, fitting, strict=True))


def _folded(cells: Sequence[str], widths: Sequence[int], *, paints: bool) -> Iterator[str]:
    """The lines of one row."""
    parts = [
        [cell] if len(cell) <= width else wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    for number in range(max(map(len, parts))):
        shown = [part[number] if number < len(part) else "" for part in parts]
        yield from _line(shown, widths, paints=paints)


def _line(cells: Sequence[str], widths: Sequence[int], *, paints: bool) -> Iterator[str]:
    """The line of one row, which is longer where a cell is."""
    padded = [  # the first cell names the row
        _padded(cell, width, paints=paints and number > 0)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    yield _GAP.join(padded).rstrip()


def _padded(cell: str, width: int, *, paints: bool) -> str:
    colour = _COLOURS.get(cell) if paints else None
    blanks = " " * (width - len(cell))
    return f"\x1b[{colour}m{cell}\x1b[0m{blanks}" if colour else cell + blanks


def _block(columns: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
    """A row as lines of a column each; columns that say nothing are left out."""
    widest = max(map(len, columns))
    room = max(get_terminal_size().columns - widest - len(_GAP), _NARROWEST)
    for title, cell in zip(columns, cells, strict=True):
        if cell != "-":
            yield from _folded((title, cell), (widest, room), paints=False)
    yield ""
