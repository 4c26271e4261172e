"""JSON files: rows of a document within its limit, and of one object a line without any."""

import io
import tracemalloc
from collections.abc import Iterator
from typing import Final

import pytest

from bouncegate.admin.lists.jsonfile import LARGEST, read_json
from bouncegate.admin.lists.textform import CsvError

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


@pytest.mark.parametrize(("head", "end"), [(b"[", b"{}]"), (b'{"contacts": [', b"{}]}")])
def test_document_is_read_up_to_its_limit_and_refused_beyond(head: bytes, end: bytes) -> None:
    number = (LARGEST - len(head) - len(end)) // (len(ROW) + 1)
    assert sum(1 for _ in read_json(file_of(head, ROW + b",", number, end))) == number + 1
    with pytest.raises(CsvError, match=r"more than 64 MiB.* jq -c '\.NAME\[\]'"):
        next(read_json(file_of(head, ROW + b",", number + 1, end)))


def test_lines_have_no_limit_and_take_no_memory() -> None:
    number = 2 * LARGEST // len(ROW)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_json(file_of(b"", ROW + b"\n", number, b""))) == number
        assert tracemalloc.get_traced_memory()[1] < LARGEST // 8
    finally:
        tracemalloc.stop()
