"""The two meta pages at the beginning of `data.mdb`, read without the library.

They are those of LMDB 0.9 (mdb.c: MDB_meta, MDB_DATA_VERSION 1), in the order of octets and with
the word of this machine, as everything in the file.
"""

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

_MAGIC: Final = 0xBEEFC0DE
_VERSION: Final = 1
_META_FLAG: Final = 0x08
# The page's number and flags; magic, version, address and size of the map; the records of the two
# core databases, the first of which begins with the page size; the last page; the transaction.
_META: Final = struct.Struct("@Q2xH4xIIQQI44x48xQQ")
TRANSACTION: Final = _META.size - 8
"""Where the number of the transaction stands in the page."""

_SMALLEST_PAGE: Final = 512
_LARGEST_PAGE: Final = 65_536


class MetaPage(NamedTuple):
    """One of them."""

    page: int
    flags: int
    magic: int
    version: int
    address: int
    map_size: int
    page_size: int
    last_page: int
    transaction: int

    @property
    def is_sound(self) -> bool:
        """Whether it looks like one."""
        return (
            (self.magic, self.version) == (_MAGIC, _VERSION)
            and bool(self.flags & _META_FLAG)
            and _SMALLEST_PAGE <= self.page_size <= _LARGEST_PAGE
        )


def meta_pages(descriptor: int) -> tuple[MetaPage, MetaPage] | None:
    """Both, or None if the file is no environment's; raises OSError."""
    first = _read(descriptor, 0)
    second = None if first is None else _read(descriptor, first.page_size)
    return None if first is None or second is None else (first, second)


def meta_pages_of(data: Path) -> tuple[MetaPage, MetaPage] | None:
    """The same of a file; None as well where there is none."""
    try:
        descriptor = os.open(data, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return meta_pages(descriptor)
    finally:
        os.close(descriptor)


def map_size_of(data: Path) -> int:
    """How large some writer has made the map; 0 if that cannot be told."""
    try:
        pages = meta_pages_of(data)
    except OSError:
        return 0
    return 0 if pages is None else max(page.map_size for page in pages)


def _read(descriptor: int, place: int) -> MetaPage | None:
    head = os.pread(descriptor, _META.size, place)
    if len(head) < _META.size:
        return None
    page = MetaPage(*_META.unpack(head))
    return page if page.is_sound else None
