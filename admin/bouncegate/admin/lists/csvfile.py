"""CSV (RFC 4180) that survives a spreadsheet: written safely, and read back unchanged.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and converts what
looks like a number or a date: `0123` loses its zero, `May-26` becomes a date. Such cells, and those
that begin with apostrophes already, get an apostrophe in front; reading removes one again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final, TextIO

from bouncegate.config.text import visible

# Also a tab or a carriage return in front, which can hide a formula (OWASP, CSV Injection). A cell
# with a digit may be a number or a date in some language, unless it has an @; LibreOffice 7.4 does
# not convert our own times.
_UNSAFE: Final = re.compile(
    r"'*(?:[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
    r"|(?!\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$)[^@]*\d[^@]*$|(?:true|false)$)",
    re.IGNORECASE,
)
_DELIMITERS: Final = ",;\t"
# No line of a list of addresses is longer; the library's own limit is 128 KiB a cell.
LONGEST_LINE: Final = 65_536


def safe(cell: str) -> str:
    """A cell that a spreadsheet does not run or convert."""
    return f"'{cell}" if _UNSAFE.match(cell) else cell


def restored(cell: str) -> str:
    """The cell before `safe`."""
    return cell[1:] if cell.startswith("'") and _UNSAFE.match(cell[1:]) else cell


class CsvWriter:
    """Writes rows, the names of the columns first."""

    def __init__(self, file: TextIO, columns: Sequence[str]) -> None:
        """Write to a text file without newline translation."""
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._writer.writerow(columns)

    def write(self, cells: Iterable[object]) -> None:
        """Write a row: text made safe, numbers as they are, nothing for None."""
        self._writer.writerow(map(_shown, cells))


def _shown(cell: object) -> object:
    """The text of a cell: a spreadsheet converts True to TRUE, and loses tabs.

    Control characters, which records of earlier versions may have, are not written.
    """
    if type(cell) is bool:
        return "yes" if cell else "no"
    return safe(visible(cell)) if type(cell) is str else cell


class CsvError(ValueError):
    """The file is not valid CSV; the text says why."""


class CsvRow(dict[str, str]):
    """The cells of a row by column name, in lower case."""

    def __init__(
        self, line: int, cells: Iterable[tuple[str, str]], head: Sequence[str] = ()
    ) -> None:
        """The row that begins at this line of the file; `head` are all column names."""
        super().__init__(cells)
        self.line = line
        self.head = head


def read_csv(octets: BinaryIO) -> Iterator[CsvRow]:
    """The rows of a file in UTF-8, with or without a byte order mark; raises CsvError.

    The first line has the column names, and shows whether `,`, `;` or a tab separates them.
    """
    text = io.TextIOWrapper(octets, encoding="utf-8-sig", newline="")
    line = 1
    try:
        head = text.readline(LONGEST_LINE)
        delimiter = max(_DELIMITERS, key=head.count)
        reader = csv.reader(_lines(head, text), delimiter=delimiter, strict=True)
        names = [name.strip().lower() for name in next(reader, [])]
        line = 1 + reader.line_num
        for cells in reader:
            if any(cells):
                yield CsvRow(line, zip(names, map(restored, cells), strict=False), names)
            line = 1 + reader.line_num
    except UnicodeDecodeError as error:
        raise CsvError(f"not in UTF-8 ({error.reason}): save it as UTF-8") from None
    except csv.Error as error:
        raise CsvError(f"line {line}: invalid CSV: {error}") from None
    finally:
        if not octets.closed:  # as it is after a reader stopped early
            text.detach()


def _lines(head: str, rest: TextIO) -> Iterator[str]:
    line = head
    while line:
        if len(line) >= LONGEST_LINE:
            raise CsvError(
                f"a line is longer than {LONGEST_LINE} characters: not a list of addresses?"
            )
        yield line
        line = rest.readline(LONGEST_LINE)
