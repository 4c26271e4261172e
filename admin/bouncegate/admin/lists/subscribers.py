"""A subscriber list in a file, row by row, each row also as it is written.

CSV with the names of its columns in the first line, or one address a line. A row that cannot be
read as CSV is a row all the same: the text is kept, and the rows behind it are read.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple, TextIO

from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.csvfile import CsvRow, restored
from bouncegate.admin.lists.lines import bare
from bouncegate.admin.lists.textform import (
    CsvError,
    delimiter_of,
    is_decoded,
    named_delimiter,
    open_text,
)

# A line of a list is shorter; a row with line breaks in its cells has fewer lines.
_LONGEST_LINE: Final = 2**20
_MOST_LINES: Final = 100
_LONGEST_ROW: Final = 2**20


class ListRow(NamedTuple):
    """A row of a list."""

    line: int
    text: str
    """As written, with its ends of lines."""
    address: str | None
    """None if the row cannot be read; empty if it is blank or a comment."""

    @property
    def is_blank(self) -> bool:
        """Whether it has no address to check: a blank line or a comment."""
        return self.address == "" and (not self.text.strip() or self.text.lstrip().startswith("#"))


class SubscriberList:
    """A list that is read once."""

    def __init__(
        self, octets: BinaryIO, columns: Columns, encoding: str = "", *, named: bool = False
    ) -> None:
        """Read its first line; raises CsvError if that names no column of addresses.

        `named`: the first line must name the columns, if no address is in it.
        """
        text, self.form = open_text(octets, encoding)
        self._lines = _Lines(text)
        self.head: str = ""
        """What is before the first row, as written."""
        self._column: int | None = None
        self._has_names = False
        first = self._lines.take()
        if delimiter := named_delimiter(first):
            self.head, first = first, self._lines.take()
        self._delimiter = delimiter or delimiter_of(first)
        self._read_names(first, columns, named=named)

    def _read_names(self, first: str, columns: Columns, *, named: bool) -> None:
        """Find the column of addresses; without one, it is one address a line."""
        cells = _cells(first, self._delimiter) or [first.strip()]
        names = [restored(cell).strip().lower() for cell in cells]
        headless = any("@" in name for name in names)
        if headless:
            self._lines.give_back([first])
            names = [str(number) for number in range(1, len(names) + 1)]
        elif (len(names) == 1 and not named) or not first.strip() or first.startswith("#"):
            known = columns.names_of("address", names)
            if not known:
                self._lines.give_back([first])
                return
        row = CsvRow(1, zip(names, cells, strict=True), names)
        if headless and not columns.names_of("address", names):
            if "@" in bare(first) and " " not in bare(first) and self._delimiter not in bare(first):
                return
            numbered = ", ".join(f"{name} ({cell!r})" for name, cell in row.items())
            raise CsvError(
                f"no line with the names of the columns; there are: {numbered}: "
                "use --column address=NUMBER"
            )
        columns.require(row, "address")
        self._column = names.index(columns.names_of("address", names)[0])
        if not headless:
            self.head += first
            self._has_names = True

    @property
    def names(self) -> list[list[str]]:
        """The names of the columns, as one row; none if the file has none."""
        line = self.head.splitlines()[-1:] if self._has_names else []
        return [self.cells(text) for text in line]

    def cells(self, text: str) -> list[str]:
        """The cells of the text of a row; a row that cannot be read is one cell."""
        line = text.rstrip("\r\n")
        if self._column is None:
            return [line]
        return _cells(text, self._delimiter) or [line]

    def rows(self) -> Iterator[ListRow]:
        """The rows in order, all of the file behind `head`; raises CsvError."""
        while line := self._lines.take():
            number = self._lines.number
            if self._column is None:
                text = line.strip()
                yield ListRow(number, line, "" if text.startswith("#") else bare(text))
            else:
                yield self._row(number, line, self._column)

    def _row(self, number: int, line: str, column: int) -> ListRow:
        cells = _cells(line, self._delimiter)
        if cells is None:
            line, cells = self._longer(line)
        if cells is None:
            return ListRow(number, line, None)
        if not any(cells):
            return ListRow(number, line, "")
        address = restored(cells[column]) if column < len(cells) else ""
        if not address.strip():
            return ListRow(number, line, None)
        return ListRow(number, line, bare(address.strip()) if is_decoded(address) else None)

    def _longer(self, line: str) -> tuple[str, list[str] | None]:
        """A row with line breaks in its cells; of one that never ends, the first line alone."""
        more: list[str] = []
        length = len(line)
        while len(more) < _MOST_LINES and length < _LONGEST_ROW and (next_ := self._lines.take()):
            more.append(next_)
            length += len(next_)
            if '"' in next_:
                text = "".join((line, *more))
                cells = _cells(text, self._delimiter)
                if cells is not None:
                    return text, cells
        self._lines.give_back(more)
        return line, None


class _Lines:
    """The lines of a text, which can be given back."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self.number = 0
        """Of the line that was taken last."""

    def take(self) -> str:
        """The next line; empty at the end. Raises CsvError."""
        line = self._waiting.popleft() if self._waiting else self._read()
        self.number += bool(line)
        return line

    def _read(self) -> str:
        try:
            line = self._text.readline(_LONGEST_LINE)
        except UnicodeDecodeError as error:
            raise CsvError(
                f"behind line {self.number}: not in {error.encoding.upper()} ({error.reason})"
            ) from None
        if len(line) >= _LONGEST_LINE:
            raise CsvError(f"line {self.number + 1} is longer than {_LONGEST_LINE} characters")
        return line

    def give_back(self, lines: list[str]) -> None:
        """Take these, the last ones taken, again."""
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)


def _cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of one row; None if it is not one row of CSV."""
    if '"' not in text:
        return text.rstrip("\r\n").split(delimiter)
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
