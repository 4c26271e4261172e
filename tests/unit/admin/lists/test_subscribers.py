"""Subscriber lists as people keep them: each row with its address, and exactly as it is written."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.subscribers import ListRow, SubscriberList
from bouncegate.admin.lists.textform import CsvError


def opened(octets: bytes, *chosen: str, encoding: str = "", named: bool = True) -> SubscriberList:
    return SubscriberList(io.BytesIO(octets), Columns(chosen), encoding, named=named)


def rows(octets: bytes, *chosen: str) -> list[ListRow]:
    return list(opened(octets, *chosen).rows())


def whole(octets: bytes, encoding: str = "") -> bytes:
    """The file, put together again."""
    one = opened(octets, encoding=encoding, named=False)
    text = one.head + "".join(row.text for row in one.rows())
    return one.form.mark + one.form.encoded(text)


TEXT = 'Name;E-Mail;Ort\r\n"Bee; Ann";ann@example.org;K\u00f6ln\r\nBob;bob@example.net;\r\n'


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_list_is_read_in_each_encoding_that_says_what_it_is(codec: str) -> None:
    octets = TEXT.encode(codec)
    assert [row.address for row in rows(octets)] == ["ann@example.org", "bob@example.net"]
    assert whole(octets) == octets


@pytest.mark.parametrize("encoding", ["", "windows-1252", "latin-1"])
def test_list_in_latin_1_keeps_its_octets_whether_or_not_it_is_named(encoding: str) -> None:
    octets = TEXT.encode("latin-1")
    found = opened(octets, encoding=encoding)
    assert [row.address for row in found.rows()] == ["ann@example.org", "bob@example.net"]
    assert whole(octets, encoding) == octets


def test_address_that_is_not_in_the_encoding_cannot_be_read() -> None:
    (row,) = rows("email,x\nj\u00f6rg@example.org,1\n".encode("latin-1"))
    assert row.address is None


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_list_with_line_breaks_in_cells_has_each_row_once(delimiter: str) -> None:
    text = 'email|note\nann@example.org|"one\ntwo ""2"""\nbob@example.org|x\n'
    found = rows(text.replace("|", delimiter).encode())
    assert [(row.line, row.address) for row in found] == [
        (2, "ann@example.org"),
        (4, "bob@example.org"),
    ]


def test_a_quote_that_is_never_closed_costs_its_own_line_alone() -> None:
    many = "".join(f"user{n}@example.org,x\n" for n in range(300))
    octets = f'email,name\n"open,a\n{many}"b@example.org"x,1\nlast@example.org,"say ""x"""'.encode()
    found = rows(octets)
    assert [row.line for row in found if row.address is None] == [2, 303]
    assert len([row for row in found if row.address]) == 301
    assert whole(octets) == octets


def test_rows_of_other_lengths_are_read_as_far_as_they_have_an_address() -> None:
    found = rows(b"name,email\nAnn,ann@example.org,more\nBob\n,\n\n")
    assert [row.address for row in found] == ["ann@example.org", None, "", ""]


def test_list_without_names_of_columns_is_one_address_a_line() -> None:
    octets = b"# members\nBee, Bob <bob@example.org>\n\nann@example.org"
    found = list(opened(octets).rows())
    assert [row.address for row in found if not row.is_blank] == [
        "bob@example.org",
        "ann@example.org",
    ]
    assert whole(octets) == octets


def test_columns_without_names_are_called_by_their_numbers() -> None:
    octets = b"7;ann@example.org\n8;bob@example.org\n"
    with pytest.raises(CsvError, match=r"1 \('7'\), 2 \('ann@example.org'\): use --column"):
        opened(octets)
    found = rows(octets, "address=2")
    assert [row.address for row in found] == ["ann@example.org", "bob@example.org"]


def test_a_line_that_tells_excel_the_delimiter_is_obeyed_and_kept() -> None:
    octets = b"sep=;\r\nemail;a,b,c\r\nann@example.org;1\r\n"
    one = opened(octets)
    assert [row.address for row in one.rows()] == ["ann@example.org"]
    assert one.head == "sep=;\r\nemail;a,b,c\r\n"


def test_unknown_names_of_columns_are_refused_and_named() -> None:
    with pytest.raises(CsvError, match="no column 'address'; there are: kontakt, ort"):
        opened(b"Kontakt;Ort\nann@example.org;x\n")
    with pytest.raises(CsvError, match="unknown encoding 'klingon'"):
        opened(b"email\n", encoding="klingon")


@given(st.lists(st.text('"ab@.,\n\r;', max_size=12), max_size=8))
def test_whatever_a_list_holds_its_rows_are_the_file(lines: list[str]) -> None:
    octets = ("email,name\n" + "\n".join(lines)).encode()
    assert whole(octets) == octets
