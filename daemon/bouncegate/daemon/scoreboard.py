"""The scoreboard of a daemon: a row of shared memory for each worker.

A row has the worker's heartbeat, its open sessions and its counters: 64-bit numbers, which that
worker alone writes. To count is an addition in memory: no lock, no system call. The supervisor
and the other workers read it, and "maintain" where [metrics] has the scoreboard in a file of a
tmpfs; else it is memory without a name. Both outlive the supervisor's exec (`reexec`).

A row that a worker leaves goes to another one, which counts on: sums never go back. Each row
names its counters, so that workers of two versions can stand in one scoreboard.

    0   magic, 8 octets; then as 64-bit numbers the octets of the row, a multiple of a page, the
        number of counters, and the octets of their names
    32  heartbeat, open sessions
    48  counters
    ..  their names in JSON

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
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, Self

from bouncegate.config.settings import MetricsSettings

log: Final = logging.getLogger("bouncegate.metrics")

Name = tuple[str, ...]
"""Of a counter: the figure that it is part of, and the values of its labels."""

Counters = memoryview
"""The counters of one worker, each at the place of its name.

Threads of a process share one. CPython (3.11 to 3.14) gives the interpreter's lock to another
thread at the beginning of a function and at a jump backwards, never within `counters[place] += 1`;
a test holds it to that.
"""

INTERVAL: Final = 1.0
"""Seconds from one beat of the heartbeat to the next."""

_MAGIC: Final = b"BGBOARD1"
_HEAD: Final = struct.Struct("=8sQQQ")
_WORD: Final = 8
_STATE: Final = _HEAD.size // _WORD
_BEATS, _SESSIONS = range(2)
_COUNTERS: Final = _STATE + 2
# The highest bit of the beats, which no heart reaches: the layout is shared with other versions.
_LEFT: Final = 1 << 63
_FILE_MODE: Final = 0o640
# <linux/memfd.h>, since Linux 6.3; without it sysctl vm.memfd_noexec = 2 allows no memory.
_MFD_NOEXEC_SEAL: Final = 8

SPANS: Final = 64
"""Places of a histogram of times: the n-th is for what took n bits of nanoseconds."""


class _Entry(NamedTuple):
    """A row, as it stands in the file."""

    place: int
    octets: int
    counters: int
    names: bytes


class Row:
    """The row of one worker."""

    def __init__(self, board: Scoreboard, entry: _Entry) -> None:
        """Share its memory."""
        self.board: Final = board
        self.entry: Final = entry
        memory = mmap.mmap(board.descriptor, entry.octets, offset=entry.place)
        words = memoryview(memory).cast("Q")
        self._state = words[_STATE:_COUNTERS]
        self.counters: Final[Counters] = words[_COUNTERS : _COUNTERS + entry.counters]

    def beat(self) -> None:
        """Show that the worker runs: a process that is stuck, or stopped, stops counting."""
        self._state[_BEATS] += 1

    def leave_socket(self) -> None:
        """Show that the worker takes no connection any more."""
        self._state[_BEATS] |= _LEFT

    @property
    def has_left_socket(self) -> bool:
        """Whether it takes none."""
        return bool(self._state[_BEATS] & _LEFT)

    @property
    def beats(self) -> int:
        """How often its heart has beaten; 0 where no worker runs."""
        return self._state[_BEATS]

    @property
    def sessions(self) -> int:
        """How many sessions the worker has."""
        return self._state[_SESSIONS]

    @sessions.setter
    def sessions(self, number: int) -> None:
        self._state[_SESSIONS] = number

    def release(self) -> None:
        """Let another worker have the row of one that has ended; its counters stay."""
        self._state[_BEATS] = self._state[_SESSIONS] = 0
        self.board.leave(self.entry)


class Scoreboard:
    """The rows of one daemon; the parent opens it before it forks."""

    def __init__(self, descriptor: int, names: Sequence[Name]) -> None:
        """Of a file that belongs to the scoreboard from now on; workers count by `names`.

        The rows in it are for others until `row_at` is asked for them. Raises OSError.
        """
        self.descriptor: Final = descriptor
        weakref.finalize(self, os.close, descriptor)
        self._names = json.dumps(names).encode()
        self._counters = len(names)
        there = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        self._there = {entry.place: entry for entry in _entries(there)}
        self._end = sum(entry.octets for entry in self._there.values())
        self._free: list[_Entry] = []
        for entry in self._there.values():
            self.leave(entry)

    @classmethod
    def in_memory(cls, names: Sequence[Name]) -> Self:
        """One without a name in the file system; raises OSError."""
        try:
            return cls(os.memfd_create("scoreboard", os.MFD_CLOEXEC | _MFD_NOEXEC_SEAL), names)
        except OSError:
            return cls(os.memfd_create("scoreboard"), names)

    @classmethod
    def in_file(cls, path: Path, names: Sequence[Name]) -> Self:
        """One in a new file, which replaces that of a daemon that has died; raises OSError."""
        path.parent.mkdir(mode=0o750, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        board = cls(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, _FILE_MODE), names)
        try:
            # Held by all that inherit the file, until the last of them has ended.
            fcntl.flock(board.descriptor, fcntl.LOCK_EX)
            board._reserve(1)
            fresh.rename(path)
        except OSError:
            fresh.unlink()
            raise
        return board

    @classmethod
    def of(
        cls,
        settings: MetricsSettings,
        daemon: str,
        names: Sequence[Name],
        there: Self | None = None,
    ) -> Self:
        """The one that is `there`, unless [metrics] wants a file and it is in none; else a new one.

        A file that cannot be made costs the figures, and no worker.
        """
        path = settings.counters / daemon
        if settings.enabled and not (there is not None and there._lies_at(path)):
            try:
                return cls.in_file(path, names)
            except OSError as error:
                place = error.filename or settings.counters
                log.warning("nothing is counted for [metrics]: %s: %s", place, error.strerror)
        return there if there is not None else cls.in_memory(names)

    def _lies_at(self, path: Path) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(self.descriptor), path.stat())
        return False

    def take(self, count: int) -> list[Row]:
        """Rows for workers, the one left last first; raises OSError, and takes none."""
        self._reserve(count)
        return [Row(self, self._free.pop()) for _ in range(count)]

    def leave(self, entry: _Entry) -> None:
        """Keep a row for another worker, unless it counts by the names of another version."""
        if entry.names == self._names:
            self._free.append(entry)

    def row_at(self, place: int | None) -> Row | None:
        """The row of a worker that the program before has started, if it has one."""
        if place is None:
            return None
        entry = self._there[place]
        if entry in self._free:
            self._free.remove(entry)
        return Row(self, entry)

    def _reserve(self, count: int) -> None:
        while len(self._free) < count:
            self._append()

    def _append(self) -> None:
        words = _COUNTERS + self._counters
        octets = -(-(words * _WORD + len(self._names)) // mmap.PAGESIZE) * mmap.PAGESIZE
        # Not ftruncate(2): a page that a full tmpfs cannot give would be a SIGBUS.
        os.posix_fallocate(self.descriptor, self._end, octets)
        os.pwrite(self.descriptor, self._names, self._end + words * _WORD)
        head = _HEAD.pack(_MAGIC, octets, self._counters, len(self._names))
        os.pwrite(self.descriptor, head, self._end)
        self._free.append(_Entry(self._end, octets, self._counters, self._names))
        self._end += octets


class Snapshot(NamedTuple):
    """What all workers of a daemon have counted, as it stands in the file."""

    alive: bool
    """Whether the daemon runs."""
    rows: tuple[dict[Name, int], ...]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read it; None if this version cannot, or there is no file. Raises OSError."""
        with suppress(FileNotFoundError), path.open("rb") as file:
            octets = file.read()
            rows = tuple(_counted(octets, entry) for entry in _entries(octets))
            return cls(_is_locked(file.fileno()), rows) if rows else None
        return None

    def sums(self) -> dict[Name, int]:
        """Each counter over all workers."""
        sums: Counter[Name] = Counter()
        for row in self.rows:
            sums.update(row)
        return sums


def spans(figure: str) -> tuple[Name, ...]:
    """The names of a histogram: its places, and behind them the sum of nanoseconds."""
    return (*((figure, "bits", str(bits)) for bits in range(SPANS)), (figure, "sum"))


def note_span(counters: Counters, start: int, began: int) -> None:
    """Count what took from `began` (`time.perf_counter_ns`) until now, at a histogram's start."""
    took = time.perf_counter_ns() - began
    counters[start + took.bit_length()] += 1
    counters[start + SPANS] += took


def _entries(octets: bytes) -> Iterator[_Entry]:
    """The rows in a file, up to one that is being made, or is none of ours."""
    place = 0
    while place + _HEAD.size <= len(octets):
        magic, length, counters, named = _HEAD.unpack_from(octets, place)
        if magic != _MAGIC:
            return
        names = place + (_COUNTERS + counters) * _WORD
        yield _Entry(place, length, counters, octets[names : names + named])
        place += length


def _counted(octets: bytes, entry: _Entry) -> dict[Name, int]:
    numbers = struct.unpack_from(f"={entry.counters}Q", octets, entry.place + _COUNTERS * _WORD)
    return dict(zip(_names(entry.names), numbers, strict=True))


@lru_cache(maxsize=8)
def _names(encoded: bytes) -> tuple[Name, ...]:
    return tuple(tuple(map(str, name)) for name in json.loads(encoded))


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
