"""CSV (RFC 4180) that survives a spreadsheet: written safely, and read back unchanged.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and converts what
looks like a number or a date: `0123` loses its zero, `May-26` becomes a date. Such cells, and those
that begin with apostrophes already, get an apostrophe in front; reading removes one again.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import BinaryIO, Final, Protocol, TextIO

from bouncegate.admin.lists.textform import (
    CsvError,
    TextForm,
    delimiter_of,
    named_delimiter,
    open_text,
    refuse_undecoded,
)
from bouncegate.config.text import visible

# Also a tab or a carriage return in front, which can hide a formula (OWASP, CSV Injection). A cell
# with a digit may be a number or a date in some language, unless it has an @; LibreOffice 7.4 does
# not convert our own times.
_UNSAFE: Final = re.compile(
    r"'*(?:[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
    r"|(?!\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$)[^@]*\d[^@]*$|(?:true|false)$)",
    re.IGNORECASE,
)
_WORDS: Final = {True: "yes", False: "no"}
_TIMES: Final = frozenset(
    ("since", "until", "last_event", "time", "sent", "first", "last", "day", "oldest", "newest")
)
"""The columns in which our own times and days are, and no text of others."""
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d:\d\d)Z)?")
_DOTTED: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:,? (\d\d?:\d\d)(:\d\d)?)?")
# No line of a list of addresses is longer; the library's own limit is 128 KiB a cell.
LONGEST_LINE: Final = 65_536


def safe(cell: str) -> str:
    """A cell that a spreadsheet does not run or convert."""
    return f"'{cell}" if _UNSAFE.match(cell) else cell


def restored(cell: str) -> str:
    """The cell before `safe`."""
    return cell[1:] if cell.startswith("'") and _UNSAFE.match(cell[1:]) else cell


class CsvRows(Protocol):
    """A writer of the csv module, whose class has no name."""

    def writerow(self, row: Iterable[object], /) -> object:
        """Write one row."""

    def writerows(self, rows: Iterable[Iterable[object]], /) -> object:
        """Write some."""


class Dialect(StrEnum):
    """How CSV is written; each of them can be read."""

    RFC4180 = "rfc4180"
    """Commas, and times as in ISO 8601."""
    EXCEL_DE = "excel-de"
    """What Excel and LibreOffice open by a double click where German is the language: a mark of
    UTF-8, semicolons, dates with dots, decimal commas."""

    @property
    def mark(self) -> str:
        """What the file begins with."""
        return "\ufeff" if self is Dialect.EXCEL_DE else ""

    @property
    def delimiter(self) -> str:
        """What separates cells."""
        return ";" if self is Dialect.EXCEL_DE else ","

    def rows(self, file: TextIO) -> "CsvRows":
        """What writes rows into a text file without newline translation, behind the mark."""
        file.write(self.mark)
        return csv.writer(file, lineterminator="\r\n", delimiter=self.delimiter)


class CsvWriter:
    """Writes rows, the names of the columns first."""

    def __init__(
        self, file: TextIO, columns: Sequence[str], dialect: Dialect = Dialect.RFC4180
    ) -> None:
        """Write to a text file without newline translation."""
        self._writer = dialect.rows(file)
        self._writer.writerow(columns)
        times, others = (_german, _decimal) if dialect is Dialect.EXCEL_DE else (_shown, _shown)
        self._forms = [times if name in _TIMES else others for name in columns]

    def write(self, cells: Iterable[object]) -> None:
        """Write a row: text made safe, numbers as they are, nothing for None."""
        pairs = zip(self._forms, cells, strict=True)
        self._writer.writerow([form(cell) for form, cell in pairs])


def _shown(cell: object) -> object:
    """The text of a cell: a spreadsheet converts True to TRUE, and loses tabs.

    Control characters, which records of earlier versions may have, are not written.
    """
    if type(cell) is str:
        return _safe_text(cell)
    return _WORDS[cell] if type(cell) is bool else cell


# Most cells of a list are words that come again in every row.
@lru_cache(4096)
def _safe_text(cell: str) -> str:
    return safe(visible(cell))


def _decimal(cell: object) -> object:
    return repr(cell).replace(".", ",") if type(cell) is float else _shown(cell)


def _german(cell: object) -> object:
    """A time or a day of ours with dots; it is in UTC, as in ISO 8601."""
    found = _ISO.fullmatch(cell) if type(cell) is str else None
    if found is None:
        return _decimal(cell)
    year, month, day, time = found.groups()
    return f"{day}.{month}.{year}" + (f" {time}" if time else "")


def iso_time(cell: str) -> str:
    """A time that may be written with dots, in ISO 8601; any other text as it is."""
    found = _DOTTED.fullmatch(cell.strip())
    if found is None:
        return cell
    day, month, year, hours, seconds = found.groups()
    return f"{year}-{month:0>2}-{day:0>2}T{(hours or '00:00'):0>5}{seconds or ':00'}Z"


class CsvRow(dict[str, str]):
    """The cells of a row by column name, in lower case."""

    def __init__(
        self, line: int, cells: Iterable[tuple[str, str]], head: Sequence[str] = ()
    ) -> None:
        """The row that begins at this line of the file; `head` are all column names."""
        super().__init__(cells)
        self.line = line
        self.head = head


def read_csv(octets: BinaryIO, encoding: str = "") -> Iterator[CsvRow]:
    """The rows of a file in UTF-8, UTF-16 or the encoding that is named; raises CsvError.

    The first line has the column names, and shows whether `,`, `;` or a tab separates them; a line
    `sep=;` before it is obeyed. If a cell of the first line is an address there are no names: the
    columns are then called 1, 2, 3.
    """
    line = 1
    try:
        text, form = open_text(octets, encoding)
        head = text.readline(LONGEST_LINE)
        if delimiter := named_delimiter(head):
            head, line = text.readline(LONGEST_LINE), 2
        before = line - 1
        lines = _lines(head, text, line, form)
        reader = csv.reader(lines, delimiter=delimiter or delimiter_of(head), strict=True)
        first_cells = next(reader, [])
        names = [name.strip().lower() for name in first_cells]
        if any("@" in name for name in names):
            names = [str(number) for number in range(1, len(names) + 1)]
            yield CsvRow(line, zip(names, map(restored, first_cells), strict=True), names)
        line = 1 + before + reader.line_num
        for cells in reader:
            if any(cells):
                yield CsvRow(line, zip(names, map(restored, cells), strict=False), names)
            line = 1 + before + reader.line_num
    except UnicodeDecodeError as error:
        raise CsvError(f"not in {error.encoding.upper()} ({error.reason})") from None
    except csv.Error as error:
        raise CsvError(f"line {line}: invalid CSV: {error}") from None


def _lines(head: str, rest: TextIO, number: int, form: TextForm) -> Iterator[str]:
    line = head
    while line:
        if len(line) >= LONGEST_LINE:
            raise CsvError(
                f"a line is longer than {LONGEST_LINE} characters: not a list of addresses?"
            )
        refuse_undecoded(line, number, form)
        yield line
        line = rest.readline(LONGEST_LINE)
        number += 1
