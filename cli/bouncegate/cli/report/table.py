"""How counts are shown: as tables with bars, as JSON, as CSV and as panels of a picture."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from shutil import get_terminal_size
from typing import Final, NamedTuple

from bouncegate.admin.lists.csvfile import CsvWriter, Dialect
from bouncegate.admin.report.summary import Summary
from bouncegate.admin.report.svg import Bar, Chart
from bouncegate.admin.views.counts import Named, row_views
from bouncegate.cli.table import write_table

_BLOCKS: Final = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_SHORTEST_BAR, _LONGEST_BAR = 10, 32
_BETWEEN: Final = 3
_MOST_BARS: Final = 40


class _Column(NamedTuple):
    title: str
    cell: Callable[[Summary], object]
    only_if: str = ""
    """The field of which some row must have something for the column to be shown."""

    def shown(self, rows: Sequence[Named], *, by_address: bool) -> bool:
        if self.title == "addresses":
            return by_address
        return not self.only_if or any(getattr(figures, self.only_if) for _, figures in rows)


_COLUMNS: Final = (
    _Column("bounces", lambda f: f.bounces),
    _Column("addresses", lambda f: f.addresses),
    _Column("hard", lambda f: f.hard),
    _Column("soft", lambda f: f.soft),
    _Column("blocked", lambda f: f.blocked),
    _Column("complaints", lambda f: f.complaints, "complaints"),
    _Column("held", lambda f: f.held, "held"),
    _Column("unverified", lambda f: f.unverified, "unverified"),
    _Column("refused", lambda f: f.refused, "refused"),
    _Column("recipients", lambda f: f.recipients, "refused"),
    _Column("sends", lambda f: f.sends, "sends"),
    _Column("bounced", lambda f: f.sends_bounced, "sends"),
    _Column("delivered", lambda f: f.delivered, "sends"),
    _Column("rate", lambda f: percent(f.rate), "sends"),
    _Column("hard share", lambda f: percent(f.hard_share), "sends"),
)


class Table:
    """Rows of names and figures, in each form in which they are shown."""

    def __init__(self, label: str, rows: Sequence[Named], *, by_address: bool = False) -> None:
        """`label`: what the names name; `by_address`: addresses are counted, not bounces."""
        self._label = label
        self._rows = rows
        self._by_address = by_address

    def views(self) -> Iterator[dict[str, object]]:
        """The rows as scripts read them."""
        return row_views(self._label, self._rows, by_address=self._by_address)

    def write(self) -> None:
        """Write a table, with a bar in each row on a terminal."""
        columns = [c for c in _COLUMNS if c.shown(self._rows, by_address=self._by_address)]
        titles = [self._label, *(column.title for column in columns)]
        cells = [[name or "-", *(c.cell(f) for c in columns)] for name, f in self._rows]
        width = _room_for_bars([titles, *cells]) if sys.stdout.isatty() else 0
        if width:
            most = max((figures.addresses for _, figures in self._rows), default=0)
            titles.append("hard, others")
            for row, (_, figures) in zip(cells, self._rows, strict=True):
                row.append(bar(figures.hard, figures.soft + figures.blocked, most, width))
        write_table(titles, cells)

    def panel(self, title: str) -> Chart:
        """The rows as a picture; the first of them where they are many."""
        bars = [
            Bar(n or "-", (f.hard, f.soft, f.blocked), text=_label_of(f))
            for n, f in self._rows[:_MOST_BARS]
        ]
        return Chart(title, bars, ("hard", "soft", "blocked"))


def write_sheet(views: Iterable[dict[str, object]], dialect: Dialect) -> None:
    """Write views that are alike as CSV, safe for spreadsheets; what is nested gets columns."""
    file = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    writer: CsvWriter | None = None
    try:
        for view in views:
            flat = dict(_flat(view))
            writer = writer or CsvWriter(file, list(flat), dialect)
            writer.write(flat.values())
    finally:
        file.detach()  # which flushes it


def bar(hard: int, others: int, most: int, width: int) -> str:
    """A bar of blocks, all but the hard part light, as long as its share of the longest."""
    if not most:
        return ""
    whole, rest = divmod(round(hard * width * 8 / most), 8)
    light = round((hard + others) * width / most) - whole - bool(rest)
    return "█" * whole + _BLOCKS[rest] + "░" * light


def _room_for_bars(cells: Sequence[Sequence[object]]) -> int:
    """How long bars can be after these columns; 0 if there is too little space."""
    widths = (max(len(str(cell)) for cell in column) for column in zip(*cells, strict=True))
    room = get_terminal_size().columns - sum(width + _BETWEEN for width in widths) - _BETWEEN
    return min(room, _LONGEST_BAR) if room >= _SHORTEST_BAR else 0


def percent(part: float | None) -> str | None:
    """A share for people."""
    return None if part is None else f"{part:.2%}"


def _label_of(figures: Summary) -> str:
    rate = percent(figures.rate)
    return f"{figures.addresses:,}" + (f" ({rate})" if rate else "")


def _flat(view: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in view.items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield name, value
