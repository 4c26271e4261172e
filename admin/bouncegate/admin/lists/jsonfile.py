"""Rows of a JSON file: an array of objects, an object with one such array, or one object a line."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import msgspec

from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.jsondocument import objects_of
from bouncegate.admin.lists.textform import Continued, CsvError

_HEAD: Final = 64
_BEGINS: Final = (b"[", b"{")
_MARK: Final = b"\xef\xbb\xbf"
_LONGEST_LINE: Final = 2**20


def is_json(octets: BinaryIO) -> tuple[bool, BinaryIO]:
    """Whether a file is JSON, and the file from its beginning."""
    head = octets.read(_HEAD)
    begins = head.removeprefix(_MARK).lstrip()[:1]
    return begins in _BEGINS, io.BufferedReader(Continued(head, octets))


def read_json(octets: BinaryIO) -> Iterator[CsvRow]:
    """The objects of a file, each with its number; raises CsvError.

    One that was cut short raises it behind the last object.
    """
    first = octets.readline(_LONGEST_LINE)
    record = _value(first)
    if isinstance(record, dict) and not _has_array(record):
        yield _row(1, record)
        for number, line in enumerate(iter(lambda: octets.readline(_LONGEST_LINE), b""), 2):
            if line.strip():
                yield _row(number, _decoded(line, f"line {number}: "))
        return
    document = io.BufferedReader(Continued(first, octets))
    for number, item in enumerate(objects_of(document), 1):
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


def _has_array(record: Mapping[str, object]) -> bool:
    """Whether an object holds an array of objects."""
    arrays = (value for value in record.values() if isinstance(value, list))
    return any(array and isinstance(array[0], dict) for array in arrays)


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
            yield from ((f"{key}.{inner}".lower(), _text(text)) for inner, text in value.items())
        else:
            yield key, "" if value is None else _text(value)


def _text(value: object) -> str:
    """A value as text; half of a pair of surrogates, which JSON can write, is no character."""
    return str(value).encode("utf-8", "replace").decode()
