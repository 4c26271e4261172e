"""CSV: a spreadsheet must neither run a cell nor change it, and all of it comes back."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.admin.lists.csvfile import CsvWriter, read_csv, restored, safe
from bouncegate.admin.lists.textform import CsvError
from bouncegate.config.text import visible


def written(columns: list[str], *rows: Sequence[object]) -> str:
    file = io.StringIO(newline="")
    writer = CsvWriter(file, columns)
    for row in rows:
        writer.write(row)
    return file.getvalue()


def read(text: str | bytes) -> list[dict[str, str]]:
    octets = text.encode() if isinstance(text, str) else text
    return [dict(row) for row in read_csv(io.BytesIO(octets))]


FORMULAS = ["=1+1", "+49 30 1", "-1", "@example.com", "\t=1", "\r=1", "\uff1d1", "=HYPERLINK(1)"]
NUMBERS = ["0123", "1e5", "1.50", "3-Mar", "May-26", "5%", "12:30", "1/2", "TRUE", "false"]


@pytest.mark.parametrize("cell", FORMULAS + NUMBERS)
def test_what_a_spreadsheet_would_run_or_change_is_no_longer_so(cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert restored(safe(cell)) == cell


@pytest.mark.parametrize("cell", ["", "ann@a.example", "o'neil", "'tis", "2026-09-21T14:13:20Z"])
def test_what_a_spreadsheet_leaves_alone_is_written_as_it_is(cell: str) -> None:
    assert safe(cell) == restored(cell) == cell


@given(st.text())
def test_every_cell_comes_back_as_it_was(cell: str) -> None:
    assert restored(safe(cell)) == cell
    assert safe(cell)[:1] not in set("=+-@\t\r")


LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)


@given(st.lists(LINES.filter(any)))
def test_every_sheet_comes_back_but_for_what_cannot_be_seen(
    rows: list[list[str]],
) -> None:
    found = read(written(["a", "b"], *rows))
    kept = [[visible(cell) for cell in row] for row in rows]
    assert [[row["a"], row["b"]] for row in found] == kept


def test_yes_and_no_are_words_that_no_spreadsheet_turns_into_another() -> None:
    assert written(["a", "b"], [True, False]) == "a,b\r\nyes,no\r\n"


def test_a_sheet_is_that_of_rfc_4180() -> None:
    assert written(["a", "b"], ['say "x"', 5], [None, "one,two"]) == (
        'a,b\r\n"say ""x""",5\r\n,"one,two"\r\n'
    )


def test_a_sheet_holds_nothing_that_a_terminal_acts_on() -> None:
    cell = "two\nlines\x1b]0;t\x07 \x9b31m \u202egnp \x7f"
    assert (
        written(["a"], [cell]) == "a\r\n'two lines\ufffd]0;t\ufffd \ufffd31m \ufffdgnp \ufffd\r\n"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_sheets_of_other_programs_are_read(delimiter: str, mark: str) -> None:
    text = mark + f"ID{delimiter}E-Mail\n7{delimiter}stra\u00dfe@a.example\n\n"
    assert read(text) == [{"id": "7", "e-mail": "straße@a.example"}]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_csv_in_an_encoding_that_shows_itself_is_read(codec: str) -> None:
    text = "ID\tE-Mail\r\n7\tstra\u00dfe@a.example\r\n"
    assert read(text.encode(codec)) == [{"id": "7", "e-mail": "stra\u00dfe@a.example"}]


def test_csv_in_windows_1252_is_read_if_that_is_said_and_else_names_the_line() -> None:
    octets = 'address;why\na@b.example;x\nb@b.example;"K\u00f6ln \u20ac"\n'.encode("cp1252")
    rows = list(read_csv(io.BytesIO(octets), "windows-1252"))
    assert rows[1]["why"] == "K\u00f6ln \u20ac"
    with pytest.raises(CsvError, match=r"line 3: not in UTF-8: .*use --encoding windows-1252"):
        read(octets)


def test_csv_obeys_a_line_that_names_the_delimiter_and_counts_it() -> None:
    octets = b"sep=;\r\na;b,c,d\r\n1;2\r\n"
    rows = list(read_csv(io.BytesIO(octets)))
    assert [(row.line, dict(row)) for row in rows] == [(3, {"a": "1", "b,c,d": "2"})]


def test_csv_without_names_calls_the_columns_by_numbers() -> None:
    rows = list(read_csv(io.BytesIO(b"a@b.example,BOUNCE\nc@b.example,COMPLAINT\n")))
    assert [(row.line, dict(row)) for row in rows] == [
        (1, {"1": "a@b.example", "2": "BOUNCE"}),
        (2, {"1": "c@b.example", "2": "COMPLAINT"}),
    ]


def test_each_row_knows_the_line_it_begins_at() -> None:
    text = b'a,b\r\n1,"two\r\nlines"\r\n2,x\r\n'
    assert [row.line for row in read_csv(io.BytesIO(text))] == [2, 4]


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"a,b\n\xff\xfe,1\n", "not in UTF-8"),
        (b'a,b\n"x"y,1\n', "line 2"),
        (b"a" * 70_000, "longer than"),
    ],
)
def test_what_is_no_sheet_is_refused_and_said_so(octets: bytes, says: str) -> None:
    with pytest.raises(CsvError, match=says):
        read(octets)


def test_the_standard_library_reads_what_is_written() -> None:
    text = written(["a"], ["=x"])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a"], ["'=x"]]
