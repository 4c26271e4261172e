"""How results are shown: a table for people, one JSON object a line for scripts."""

import io
import sys
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import BinaryIO, Final

import msgspec

from bouncegate.admin.lists.csvfile import CsvWriter, Dialect
from bouncegate.cli.sentences import write_text
from bouncegate.cli.table import write_table
from bouncegate.config.text import escaped

_ENCODER: Final = msgspec.json.Encoder()
_TITLES: Final = {"detail": "reason"}
"""People are shown the finest reason as the reason."""
_DELETE: Final = b"\x7f"


def write_json(value: object, out: BinaryIO | None = None) -> None:
    """One line of JSON, on standard output unless another file is named.

    JSON escapes C0 alone (RFC 8259, 7); all else that a terminal would act on is escaped as well.
    """
    line = _ENCODER.encode(value)
    if not line.isascii() or _DELETE in line:
        line = escaped(line.decode(), _json_escape).encode()
    (out or sys.stdout.buffer).write(line + b"\n")


def _json_escape(character: str) -> str:
    octets = character.encode("utf-16-be")
    return "".join(f"\\u{octets[n : n + 2].hex()}" for n in range(0, len(octets), 2))


def write_sheet(
    out: BinaryIO,
    columns: Sequence[str],
    views: Iterable[object],
    dialect: Dialect = Dialect.RFC4180,
) -> None:
    """CSV, safe for spreadsheets: the fields of the views that the columns name."""
    file = io.TextIOWrapper(out, encoding="utf-8", newline="")
    try:
        writer = CsvWriter(file, columns, dialect)
        cells = attrgetter(*columns) if len(columns) > 1 else None
        for view in views:
            writer.write(cells(view) if cells else (getattr(view, columns[0]),))
    finally:
        file.detach()  # which flushes it


def write_views(
    views: Iterable[object],
    columns: Sequence[str],
    *,
    json: bool,
    csv: Sequence[str] = (),
    longest: int | None = None,
    dialect: Dialect = Dialect.RFC4180,
) -> None:
    """Views as JSON lines, as CSV with the columns of `csv`, or as a table with `columns`.

    `longest`: characters of a cell of the table that are shown.
    """
    if json:
        for view in views:
            write_json(view)
    elif csv:
        write_sheet(sys.stdout.buffer, csv, views, dialect)
    else:
        titles = [_TITLES.get(column, column) for column in columns]
        write_table(titles, ([_cell(getattr(v, c), longest) for c in columns] for v in views))


def _cell(value: object, longest: int | None) -> object:
    return value if longest is None else str(value)[:longest]


def complain(text: str) -> None:
    """Tell the person at the terminal what went wrong."""
    write_text(f"bouncegate: {text}", sys.stderr)
