"""How results are shown: a table for people, one JSON object a line for scripts."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from bouncegate.cli.logs import printable
from bouncegate.policy.records import NO_END

_ENCODER: Final = msgspec.json.Encoder()
_WIDTH_WITHOUT_TERMINAL: Final = 200


def iso(seconds: int | None) -> str | None:
    """Seconds since 1970 in ISO 8601, UTC; None for no time or no end."""
    if seconds is None or seconds == NO_END:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_json(value: object) -> None:
    """One line of JSON."""
    sys.stdout.buffer.write(_ENCODER.encode(value) + b"\n")


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table in as few columns of the terminal as it needs; no colour and no frame in a pipe."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - 50 ms that a daemon need not pay
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _WIDTH_WITHOUT_TERMINAL, highlight=False)
    table = Table(*columns, box=SIMPLE_HEAD if terminal else None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text("-" if cell is None else printable(str(cell))) for cell in row))
    console.print(table)


def complain(text: str) -> None:
    """Tell the person at the terminal what went wrong."""
    print(f"bouncegate: {printable(text)}", file=sys.stderr)
