"""A progress bar on the terminal, on standard error, while a command runs."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import BinaryIO, Final

from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.row import Row

ShowProgress = Callable[[int], None]
"""Called again and again with how much is done."""

# Often enough for the eye, at a millionth of a second a row.
_EVERY: Final = 500


def bar(total: int | None = None) -> AbstractContextManager[ShowProgress]:
    """A bar up to `total`, or a count where that is not known; silent without a terminal."""
    return _bar(total) if sys.stderr.isatty() else nullcontext(lambda _: None)


@contextmanager
def _bar(total: int | None) -> Iterator[ShowProgress]:
    from rich.console import Console  # noqa: PLC0415 - 50 ms that others need not pay
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    count = TaskProgressColumn() if total else TextColumn("{task.completed:,} rows")
    columns = (BarColumn(), count, TimeElapsedColumn())
    # By default, rich takes standard output over as well, and writes it to its own console.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


def watched(rows: Iterable[Row], *, until_first: bool) -> Iterator[Row]:
    """The rows, counted as they come; up to the first one where the rest is seen by itself."""
    ordered = iter(rows)
    with bar() as show:
        for number, row in enumerate(ordered, 1):
            if until_first:
                first = row
                break
            if not number % _EVERY:
                show(number)
            yield row
        else:
            return
    yield first
    yield from ordered


def reading(rows: Iterable[CsvRow], file: BinaryIO) -> Iterator[CsvRow]:
    """The rows of a file, with how much of it has been read; of a pipe, how many there were."""
    sought = file.seekable()
    with bar(os.fstat(file.fileno()).st_size if sought else None) as show:
        for number, row in enumerate(rows):
            if not number % _EVERY:
                show(file.tell() if sought else number)
            yield row
