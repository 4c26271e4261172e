"""Rows of a JSON file: an array of objects, an object with one such array, or one object a line."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import msgspec

from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.textform import Continued, CsvError

_HEAD: Final = 64
_BEGINS: Final = (b"[", b"{")
_MARK: Final = b"\xef\xbb\xbf"
# A document is decoded as a whole: some hundred megabytes of memory. Lines are not.
LARGEST: Final = 64 * 2**20
_LONGEST_LINE: Final = 2**20


def is_json(octets: BinaryIO) -> tuple[bool, BinaryIO]:
    """Whether a file is JSON, and the file from its beginning."""
    head = octets.read(_HEAD)
    begins = head.removeprefix(_MARK).lstrip()[:1]
    return begins in _BEGINS, io.BufferedReader(Continued(head, octets))


def read_json(octets: BinaryIO) -> Iterator[CsvRow]:
    """The objects of a file, each with its number; raises CsvError."""
    first = octets.readline(_LONGEST_LINE)
    record = _value(first) if first.endswith(b"\n") else None
    if isinstance(record, dict) and not _arrays_of(record):
        yield _row(1, record)
        for number, line in enumerate(iter(lambda: octets.readline(_LONGEST_LINE), b""), 2):
            if line.strip():
                yield _row(number, _decoded(line, f"line {number}: "))
        return
    rest = octets.read(LARGEST - len(first))
    if octets.read(1):
        raise CsvError(
            f"one JSON document of more than {LARGEST // 2**20} MiB: write one object a line: that "
            "has no limit: jq -c '.[]' FILE, or jq -c '.NAME[]' FILE if the array NAME is in an "
            "object"
        )
    document = _decoded(first + rest)
    arrays = [document] if isinstance(document, list) else _arrays_of(document)
    if not arrays:
        raise CsvError("no array of objects in the JSON")
    for number, item in enumerate(arrays[0], 1):
        yield _row(number, item)


def _value(octets: bytes) -> object:
    """The value of some JSON; None if it is none."""
    try:
        return _decoded(octets)
    except CsvError:
        return None


def _decoded(octets: bytes, place: str = "") -> object:
    try:
        decoded: object = msgspec.json.decode(octets.removeprefix(_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CsvError(f"{place}invalid JSON: {error}") from None
    return decoded


def _arrays_of(document: object) -> list[list[Any]]:
    """The arrays of objects in an object."""
    values = document.values() if isinstance(document, dict) else ()
    return [v for v in values if isinstance(v, list) and v and isinstance(v[0], dict)]


def _row(number: int, record: object) -> CsvRow:
    if not isinstance(record, dict):
        raise CsvError(f"item {number} is no object")
    cells = dict(_flat(record))
    return CsvRow(number, cells.items(), list(cells))


def _flat(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The values by their names, which are `reason.code` for what is nested."""
    for name, value in record.items():
        key = f"{before}{name}".lower()
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}".lower(), str(text)) for inner, text in value.items())
        else:
            yield key, "" if value is None else str(value)
