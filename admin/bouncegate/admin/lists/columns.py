"""The columns of a CSV file, by the names that several services use."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.textform import CsvError

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "address": (
        *("address", "email", "e-mail", "email address", "recipient", "email_address"),
        *("emailaddress", "e-mail address", "e-mail-adresse", "emailadresse"),
    ),
    "id": ("id",),
    "reason": ("reason", "bounce reason", "type"),
    "until": ("until", "expires", "end"),
    "scope": ("scope",),
    "detail": ("detail",),
    "why": ("why", "comment", "note", "description", "status"),
}
"""The known columns with their possible names; the first name that a file has counts."""


class MissingColumn(CsvError):
    """A file lacks a column that it needs."""

    def __init__(self, column: str, there: Sequence[str]) -> None:
        names = ", ".join(there)
        super().__init__(f"no column {column!r}; there are: {names}: use --column {column}=NAME")
        self.column: Final = column
        self.there: Final = there
        """The columns that the file has."""


class Columns:
    """The names of the columns of one file."""

    def __init__(self, chosen: Iterable[str] = ()) -> None:
        """`chosen` are `column=name in the file`; raises CsvError."""
        self._names: dict[str, tuple[str, ...]] = dict(NAMES)
        for choice in chosen:
            column, _, name = choice.partition("=")
            if column not in NAMES or not name:
                known = ", ".join(NAMES)
                raise CsvError(
                    f"invalid column {choice!r}: use NAME=NAME_IN_FILE, with a NAME of: {known}"
                )
            self._names[column] = (name.strip().lower(),)

    def names_of(self, column: str, names: Collection[str]) -> list[str]:
        """Those of the names in a file that are of this column, the one that counts first."""
        return [name for name in self._names[column] if name in names]

    def cell(self, row: CsvRow, column: str) -> str:
        """The cell of a row without surrounding blanks; empty if there is no such column."""
        return next((row[name] for name in self._names[column] if name in row), "").strip()

    def refuse_ambiguous(self, row: CsvRow, columns: Iterable[str] = NAMES) -> None:
        """Raise CsvError if two columns of the file have the same meaning."""
        for column in columns:
            names = self._names[column]
            meant = {_folded(name) for name in names}
            there = [name for name in row.head if _folded(name) in meant]
            if len(there) > 1:
                shown = " and ".join(map(repr, there))
                raise CsvError(
                    f"the columns {shown} both mean {column!r}: remove one, or choose one with "
                    f"--column {column}=NAME"
                )

    def require(self, row: CsvRow, column: str) -> None:
        """Raise CsvError if the file has no such column, or two of the same meaning."""
        self.refuse_ambiguous(row, (column,))
        if not any(name in row for name in self._names[column]):
            raise MissingColumn(column, list(row))


def _folded(name: str) -> str:
    """A column name without case, blanks and hyphens: `E-Mail` is `email`."""
    return "".join(c for c in name.casefold() if c.isalnum())
