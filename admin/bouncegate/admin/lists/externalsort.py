"""External merge sort: sorted runs in a temporary file, then merged.

A million rows take some hundred megabytes as objects. Here only one run is in memory while they are
read, and then a block of each. All runs are in one file, so they need one descriptor; what fits
into one run is never written.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from heapq import merge
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, Final, Generic, Self, TypeVar

import msgspec

_RUN: Final = 50_000
# Some kilobytes each: a hundred million items are two thousand runs, whose blocks take 30 MB.
_BLOCK: Final = 50
_LENGTH: Final = 4
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_ENCODE: Final = msgspec.msgpack.Encoder().encode

T = TypeVar("T")


class TemporaryFileError(Exception):
    """The folder for temporary files is full or fails; the text says what to do."""

    def __init__(self, error: OSError) -> None:
        folder = os.environ.get("TMPDIR") or "the folder for temporary files"
        super().__init__(f"{folder}: {error.strerror}: free space, or set TMPDIR to another folder")
        self.exit_code: Final = os.EX_TEMPFAIL if error.errno in _FULL else os.EX_IOERR


class SortedRuns(Generic[T]):
    """Sorted items, to be iterated any number of times; the sort is stable."""

    def __init__(
        self,
        items: Iterable[T],
        kind: type[T],
        key: Callable[[T], Any],
        *,
        descending: bool = False,
    ) -> None:
        """Sort them; msgspec writes them and reads them back as `kind`.

        Raises TemporaryFileError, and what `items` raises.
        """
        self._key: Final = key
        self._descending: Final = descending
        self._decode: Final = msgspec.msgpack.Decoder(list[kind]).decode  # type: ignore[valid-type]
        self._kept: list[T] = []
        self._file: IO[bytes] | None = None
        self._starts: Final[list[int]] = []
        self._end = 0
        try:
            self._take(iter(items))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Use the runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file."""
        self.close()

    def close(self) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            with suppress(OSError):  # of a full disk: close() flushes again
                self._file.close()

    def __iter__(self) -> Iterator[T]:
        """All of them, in order; raises TemporaryFileError."""
        if self._file is None:
            return iter(self._kept)
        ends = [*self._starts[1:], self._end]
        runs = [
            self._read(self._file.fileno(), *bounds)
            for bounds in zip(self._starts, ends, strict=True)
        ]
        return merge(*runs, key=self._key, reverse=self._descending)

    def _take(self, items: Iterator[T]) -> None:
        while run := list(islice(items, _RUN)):
            run.sort(key=self._key, reverse=self._descending)
            if self._file is None and len(run) < _RUN:
                self._kept = run
                return
            with _explained():
                self._write(run)
        if self._file is not None:
            with _explained():
                self._file.flush()
                self._end = self._file.tell()

    def _write(self, run: list[T]) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - close() closes it
        self._starts.append(self._file.tell())
        for start in range(0, len(run), _BLOCK):
            octets = _ENCODE(run[start : start + _BLOCK])
            self._file.write(len(octets).to_bytes(_LENGTH) + octets)

    def _read(self, descriptor: int, position: int, end: int) -> Iterator[T]:
        while position < end:
            with _explained():
                length = int.from_bytes(os.pread(descriptor, _LENGTH, position))
                octets = os.pread(descriptor, length, position + _LENGTH)
            yield from self._decode(octets)
            position += _LENGTH + length


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TemporaryFileError(error) from error
