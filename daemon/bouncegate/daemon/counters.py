"""Counters that a daemon's processes keep in shared memory, and that another process reads.

A daemon that counts has one file, on a tmpfs: its names, then a row of 64-bit numbers for each of
its processes. To count is an addition in memory that no other process writes: no lock, no system
call. A row outlives its process, so that a successor counts on, and sums never go back.

    0   magic, 8 octets; length of the head and of a row, 4 octets each
    16  the names in JSON, up to the end of the head
    ..  rows

Numbers are in the machine's own order: the file never leaves it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import mmap
import os
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from bouncegate.config.settings import MetricsSettings

log: Final = logging.getLogger("bouncegate.metrics")

Name = tuple[str, ...]
"""Of a counter: the figure that it is part of, and the values of its labels."""

Row = memoryview
"""The numbers of one process, each at the place of its name.

Threads of a process share one. CPython (3.11 to 3.14) gives the interpreter's lock to another
thread at the beginning of a function and at a jump backwards, never within `row[place] += 1`; a
test holds it to that.
"""

_MAGIC: Final = b"BGCOUNT1"
_HEAD: Final = struct.Struct("=8sII")
_NUMBER: Final = struct.Struct("=Q")
_PAGE: Final = mmap.PAGESIZE
_FILE_MODE: Final = 0o640

SPANS: Final = 64
"""Places of a histogram of times: the n-th is for what took n bits of nanoseconds."""


class Scoreboard:
    """The file of one daemon; the parent makes it before it forks."""

    def __init__(self, path: Path, names: Sequence[Name]) -> None:
        """Make the file, and replace one of a daemon that has died; raises OSError."""
        head = json.dumps(names).encode()
        self._first = _pages(_HEAD.size + len(head))
        self._octets = _pages(len(names) * _NUMBER.size)
        self._rows = 0
        self._free: list[Row] = []
        path.parent.mkdir(mode=0o750, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        self._file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
        os.write(self._file, _HEAD.pack(_MAGIC, self._first, self._octets) + head)
        os.ftruncate(self._file, self._first)
        # Held by all that inherit the file, until the last of them has ended.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        fresh.rename(path)

    @classmethod
    def open(cls, settings: MetricsSettings, daemon: str, names: Sequence[Name]) -> Self | None:
        """The scoreboard of a daemon; None if [metrics] is off, or the file cannot be made."""
        if not settings.enabled:
            return None
        try:
            return cls(settings.counters / daemon, names)
        except OSError as error:
            place = error.filename or settings.counters
            log.warning("nothing is counted for [metrics]: %s: %s", place, error.strerror)
            return None

    def row(self) -> Row | None:
        """A row for a process to be started: a released one, or a new one.

        None if there is no room; the log says so.
        """
        if self._free:
            return self._free.pop()
        offset = self._first + self._rows * self._octets
        try:
            # Not ftruncate(2): a page that a full tmpfs cannot give would be a SIGBUS.
            os.posix_fallocate(self._file, offset, self._octets)
        except OSError as error:
            log.warning("a process counts nothing for [metrics]: %s", error.strerror)
            return None
        self._rows += 1
        return memoryview(mmap.mmap(self._file, self._octets, offset=offset)).cast("Q")

    def release(self, row: Row) -> None:
        """Let another process use the row of one that has ended."""
        self._free.append(row)


class Snapshot(NamedTuple):
    """What all processes of a daemon have counted, as it stands in the file."""

    alive: bool
    """Whether the daemon runs."""
    names: tuple[Name, ...]
    rows: tuple[tuple[int, ...], ...]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read it; None if this version cannot, or there is no file. Raises OSError."""
        with suppress(FileNotFoundError), path.open("rb") as file:
            octets = file.read()
            magic, first, length = _HEAD.unpack_from(octets.ljust(_HEAD.size, b"\0"))
            if magic != _MAGIC:
                return None
            words = json.loads(octets[_HEAD.size : first].rstrip(b"\0"))
            names = tuple(tuple(map(str, word)) for word in words)
            numbers = struct.Struct(f"={len(names)}Q")
            places = range(first, len(octets) - length + 1, length)
            rows = tuple(numbers.unpack_from(octets, place) for place in places)
            return cls(_is_locked(file.fileno()), names, rows)
        return None

    def sums(self) -> dict[Name, int]:
        """Each counter over all processes."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.names)
        return dict(zip(self.names, map(sum, columns), strict=True))


def spans(figure: str) -> tuple[Name, ...]:
    """The names of a histogram: its places, and behind them the sum of nanoseconds."""
    return (*((figure, "bits", str(bits)) for bits in range(SPANS)), (figure, "sum"))


def note_span(row: Row, start: int, began: int) -> None:
    """Count what took from `began` (`time.perf_counter_ns`) until now, at a histogram's start."""
    took = time.perf_counter_ns() - began
    row[start + took.bit_length()] += 1
    row[start + SPANS] += took


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _pages(octets: int) -> int:
    return -(-octets // _PAGE) * _PAGE
