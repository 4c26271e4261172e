"""Which column of a sheet holds what: by name, in the words of several services."""

from collections.abc import Iterable, Mapping
from typing import Final

from bouncegate.admin.lists.csvfile import CsvError, CsvRow

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "address": ("address", "email", "e-mail", "email address", "recipient", "email_address"),
    "id": ("id",),
    "reason": ("reason", "bounce reason", "type"),
    "until": ("until", "expires", "end"),
    "why": ("why", "comment", "note", "description", "status"),
}
"""The columns that are known, each with the names that it may have: the first one there counts."""


class Columns:
    """How the columns of one sheet are called."""

    def __init__(self, chosen: Iterable[str] = ()) -> None:
        """`chosen` are `column=name of the sheet's`; raises CsvError."""
        self._names = dict(NAMES)
        for choice in chosen:
            column, _, name = choice.partition("=")
            if column not in NAMES or not name:
                known = ", ".join(NAMES)
                raise CsvError(f"{choice!r} names no column: write {known} = its name in the file")
            self._names[column] = (name.strip().lower(),)

    def cell(self, row: CsvRow, column: str) -> str:
        """The cell of a row, without blanks around it; empty where there is no such column."""
        return next((row[name] for name in self._names[column] if name in row), "").strip()

    def refuse_ambiguous(self, row: CsvRow, columns: Iterable[str] = NAMES) -> None:
        """Raise CsvError if two columns of the sheet mean the same: either may be meant."""
        for column in columns:
            names = self._names[column]
            meant = {_folded(name) for name in names}
            there = [name for name in row.head if _folded(name) in meant]
            if len(there) > 1:
                shown = " and ".join(map(repr, there))
                raise CsvError(
                    f"the columns {shown} both mean {column!r}: take one out, or name the one "
                    f"that is meant: --column {column}=NAME"
                )

    def require(self, row: CsvRow, column: str) -> None:
        """Raise CsvError if the sheet has no such column, or any column twice."""
        self.refuse_ambiguous(row, (column,))
        if not any(name in row for name in self._names[column]):
            there = ", ".join(row)
            raise CsvError(f"no column {column!r}; there are: {there}: use --column {column}=NAME")


def _folded(name: str) -> str:
    """A name of a column without case, blanks and hyphens: `E-Mail` is `email`."""
    return "".join(c for c in name.casefold() if c.isalnum())
