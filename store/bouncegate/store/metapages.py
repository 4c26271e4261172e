"""The two meta pages at the beginning of `data.mdb`, read and written without the library.

They are those of LMDB 0.9 (mdb.c: MDB_meta, MDB_DATA_VERSION 1), in the order of octets and with
the word of this machine, as everything in the file. A meta page names the last transaction and the
two core databases: that of the tables, and that of the free pages (transaction -> what it freed).
"""

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

_MAGIC: Final = 0xBEEFC0DE
_VERSION: Final = 1
_META_FLAG: Final = 0x08
# The page's number and flags; magic, version, address and size of the map; the record of the free
# pages (the page size, depth, entries and root of its tree) and that of the tables; the last page;
# the transaction.
_META: Final = struct.Struct("@Q2xH4xIIQQI2xH24xQQ48xQQ")
TRANSACTION: Final = _META.size - 8
"""Offset of the transaction number in the page."""
_MAP_SIZE: Final = 32

# A leaf (MDB_page): number, flags, and where the pointers to its nodes end, which follow.
_LEAF: Final = struct.Struct("@Q2xHH2x")
_POINTER: Final = struct.Struct("@H")
_LEAF_FLAG: Final = 0x02
# The octets of a node (MDB_node) before its key, which is here the number of a transaction.
_NODE: Final = 8

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
    free_depth: int
    free_entries: int
    free_root: int
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
    """The same of a file; None also if there is no file."""
    try:
        descriptor = os.open(data, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return meta_pages(descriptor)
    finally:
        os.close(descriptor)


def map_size_of(data: Path) -> int:
    """How large some writer has made the map; 0 if that is unknown."""
    try:
        pages = meta_pages_of(data)
    except OSError:
        return 0
    return 0 if pages is None else max(page.map_size for page in pages)


def smallest_number(data: Path) -> int:
    """The least number that `renumber` can give a file; raises ValueError, OSError."""
    pages = meta_pages_of(data)
    if pages is None:
        raise ValueError("no environment")
    return _newest(pages).free_entries + 1


def renumber(data: Path, last: int, map_size: int | None = None) -> None:
    """Set the number of the last transaction of a copy that no process has open.

    Both meta pages then show what the newer one did, and its few free pages are those of the first
    transactions. `map_size` is what they say of the map, if that is enough for the file.

    Raises ValueError if the file is no such copy; OSError.
    """
    descriptor = os.open(data, os.O_RDWR)
    try:
        metas = meta_pages(descriptor)
        if metas is None:
            raise ValueError("no environment")
        newest = _newest(metas)
        if last <= newest.free_entries:
            raise ValueError(f"{newest.free_entries} transactions have freed pages, of {last}")
        if newest.free_entries:
            _renumber_free(descriptor, newest)
        page = bytearray(os.pread(descriptor, newest.page_size, newest.page * newest.page_size))
        for number in (last - 1, last):
            position = number & 1
            struct.pack_into("@Q", page, 0, position)
            struct.pack_into("@Q", page, TRANSACTION, number)
            if map_size is not None and map_size > newest.last_page * newest.page_size:
                struct.pack_into("@Q", page, _MAP_SIZE, map_size)
            os.pwrite(descriptor, page, position * newest.page_size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _newest(pages: tuple[MetaPage, MetaPage]) -> MetaPage:
    return max(pages, key=lambda page: page.transaction)


def _renumber_free(descriptor: int, meta: MetaPage) -> None:
    """Let the free pages be those of the first transactions, in the order in which they are."""
    position = meta.free_root * meta.page_size
    page = bytearray(os.pread(descriptor, meta.page_size, position))
    _, flags, end = _LEAF.unpack_from(page)
    if meta.free_depth != 1 or not flags & _LEAF_FLAG:
        raise ValueError("more free pages than one leaf names")
    pointers = range(_LEAF.size, end, _POINTER.size)
    for number, pointer in enumerate(pointers, 1):
        (node,) = _POINTER.unpack_from(page, pointer)
        struct.pack_into("@Q", page, node + _NODE, number)
    os.pwrite(descriptor, page, position)


def _read(descriptor: int, position: int) -> MetaPage | None:
    head = os.pread(descriptor, _META.size, position)
    if len(head) < _META.size:
        return None
    page = MetaPage(*_META.unpack(head))
    return page if page.is_sound else None
