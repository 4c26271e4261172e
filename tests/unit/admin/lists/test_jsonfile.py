"""JSON files: rows of a document of any size, and of one object a line, in little memory."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.admin.lists.jsondocument import LARGEST
from bouncegate.admin.lists.jsonfile import read_json
from bouncegate.admin.lists.textform import CsvError

MANY: Final = 2000
MOST_MEMORY: Final = 4 * LARGEST
ROW: Final = b'{"email": "ann@kernel.org", "note": "%s"}' % (b"x" * 2**16)


class Many(io.RawIOBase):
    """A file that begins with `head`, has so many rows, and then `end`."""

    def __init__(self, head: bytes, row: bytes, number: int, end: bytes) -> None:
        super().__init__()
        self._parts = self._all(head, row, number, end)
        self._left = b""

    @staticmethod
    def _all(head: bytes, row: bytes, number: int, end: bytes) -> Iterator[bytes]:
        yield head
        for _ in range(number):
            yield row
        yield end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = part
        octets, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(octets)] = octets
        return len(octets)


def file_of(head: bytes, row: bytes, number: int, end: bytes) -> io.BufferedReader:
    return io.BufferedReader(Many(head, row, number, end))


def rows_of(text: str | bytes) -> list[dict[str, str]]:
    octets = text.encode() if isinstance(text, str) else text
    return [dict(row) for row in read_json(io.BufferedReader(io.BytesIO(octets)))]


@pytest.mark.parametrize(
    ("head", "between", "end"),
    [
        (b"[", b",", b"{}]"),
        (b'{"of": "us", "contacts": [', b",\n ", b'{}], "next": null}'),
        (b"", b"\n", b"{}"),
    ],
)
def test_file_of_any_size_takes_little_memory(head: bytes, between: bytes, end: bytes) -> None:
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_json(file_of(head, ROW + between, MANY, end))) == MANY + 1
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("indent", [None, 2])
@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=9), min_size=1)),
    before=st.dictionaries(st.sampled_from("xyz"), st.one_of(st.integers(), st.lists(st.text()))),
)
def test_rows_are_those_of_the_document_however_it_is_written(
    indent: int | None, rows: list[dict[str, str]], before: dict[str, object]
) -> None:
    for escape in (True, False):
        text = json.dumps(rows, indent=indent, ensure_ascii=escape)
        assert rows_of(text.encode("utf-8", "replace")) == [_replaced(row) for row in rows]
        if rows:
            whole = json.dumps(before | {"rows": rows} | {"z": []}, indent=indent)
            assert rows_of(whole) == [_replaced(row) for row in rows]


def _replaced(row: dict[str, str]) -> dict[str, str]:
    return {name: text.encode("utf-8", "replace").decode() for name, text in row.items()}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[{"a": 1}, {"a": 2', "in the value at character 11"),
        ('[{"a": 1}', "the end in place of ']'"),
        ('[{"a": 1},]', "no item behind ','"),
        ('[{"a": 1} {"a": 2}]', "in place of ']'"),
        ('[{"a": 1}] [', "more behind the document"),
        ('{"rows": [{"a": 1}]', "the end in place of '}'"),
        ('{"rows": [{"a": 1}], 5: 6}', "no name before"),
        ('{"rows" [{"a": 1}]}', "in place of ':'"),
        ('{"of": "us", "rows": []}\n{', "line 2"),
        ("[1, 2]", "item 1 is no object"),
        ('[{"a": NaN}]', "NaN is no JSON"),
        ("[" * 100_000, "in the value at character"),
        ('[{"a": "' + "x" * 3 * LARGEST + '"}]', "in the value at character 1"),
        (b'[{"a": "\xff"}]', "can't decode"),
        ('{"a": 1}\n{"a": ', "line 2: invalid JSON"),
        ('{"rows": {"a": 1}}\n[', "line 2|no object"),
    ],
)
def test_what_is_no_json_says_where(text: str | bytes, fault: str) -> None:
    with pytest.raises(CsvError, match=fault):
        rows_of(text)


def test_object_alone_is_one_row() -> None:
    assert rows_of('{"email": "ann@kernel.org", "n": 12}') == [
        {"email": "ann@kernel.org", "n": "12"}
    ]


def test_half_a_pair_of_surrogates_is_no_character() -> None:
    assert rows_of(r'[{"a": "x\ud800"}]') == [{"a": "x?"}]
