"""Lists that are uploaded as a file: what spreadsheets save, German ones too."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Final, NamedTuple, TypeVar

from bouncegate.admin.lists.columns import Columns, MissingColumn
from bouncegate.admin.lists.lines import Line
from bouncegate.admin.lists.subscribers import SubscriberList
from bouncegate.admin.lists.textform import CsvError, open_text
from bouncegate.web.forms import Upload
from bouncegate.web.page.language import Language
from bouncegate.web.problem import Problem

_T = TypeVar("_T")

LARGEST: Final = 900_000
"""Octets: it is sent back and forth as text, and a body may have 1 MiB."""
# ZIP, which XLSX and ODS are, and the older XLS.
_SPREADSHEETS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_FALLBACK: Final = "windows-1252"
# What the command says to those who type options.
_OPTIONS: Final = ": use --"


class FileText(NamedTuple):
    """The text of a file."""

    text: str
    encoding: str
    """Empty: it said so itself, or was UTF-8."""


def text_of(upload: Upload, words: Language) -> FileText:
    """Read a file: UTF-8, UTF-16 by its mark, else Windows-1252. Raises Problem."""
    content = upload.content
    if len(content) > LARGEST:
        text = "The file is too large: at most {n} characters. Longer lists: bouncegate check FILE."
        raise Problem("too-large", words.text(text, n=words.number(LARGEST)), limit=LARGEST)
    if content.startswith(_SPREADSHEETS):
        text = "This is a file of a spreadsheet program. Save it as CSV, and choose that."
        raise Problem("request", words.text(text))
    if not content.strip():
        raise Problem("request", words.text("The file is empty."))
    for encoding in ("", _FALLBACK):
        try:
            with open_text(BytesIO(content), encoding)[0] as opened:
                found = opened.read()
            found.encode()  # octets that do not fit are surrogates
        except UnicodeError:
            continue
        if "\0" not in found:
            return FileText(found, encoding)
    raise Problem(
        "request", words.text("This is no text: choose a CSV file, or one address a line.")
    )


def addresses_in(text: str, words: Language) -> Iterator[Line]:
    """The addresses of a list, with a column of them or one a line. Raises Problem."""
    listed = explained(words, lambda: SubscriberList(BytesIO(text.encode()), Columns(), "utf-8"))
    for row in explained(words, lambda: [*listed.rows()]):
        if not row.is_blank:
            yield Line(row.line, (row.text if row.address is None else row.address).strip())


def explained(words: Language, read: Callable[[], _T]) -> _T:
    """What is read of a sheet; raises Problem where it is not one, in words of the page."""
    try:
        return read()
    except MissingColumn as error:
        text = "There is no column {column}. The columns are: {there}"
        told = words.text(text, column=error.column, there=", ".join(error.there))
        raise Problem("request", told) from None
    except CsvError as error:
        fault = str(error).partition(_OPTIONS)[0]
        raise Problem(
            "request", words.text("The file cannot be read: {fault}", fault=fault)
        ) from None
