"""A log file, followed across rotation.

The inode and a digest of the first octets identify a file. If the current file is not the one that
was read last, the reader looks for that one among the rotated siblings (`mail.log.1`,
`mail.log-20300131.gz`, `maillog.20300131-000000`): by inode if it was renamed, by its first octets
if it was copied or compressed. It reads that file to its end, then the files that were rotated
later, oldest first. The syslog daemon may still have the old file open, so the reader moves on only
when a later file has content.
"""

import bz2
import gzip
import logging
import lzma
import os
import re
import stat
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from bouncegate.classifier.maillog.inspection import Inspection, inspect
from bouncegate.classifier.maillog.line import LogMessage, Parser
from bouncegate.classifier.maillog.source import LinePredicate, Read, SourceError
from bouncegate.classifier.maillog.split import split

log: Final = logging.getLogger("bouncegate.maillog")

_Stream = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile

# First octets that identify a file: about ten lines, each with its own time.
_HEAD: Final = 1024
# Rotated files to consider, newest first: two months of daily rotation.
_MAX_SIBLINGS: Final = 64
_ROTATED: Final = re.compile(r"[.-]\d[\d.-]{0,30}(\.gz|\.bz2|\.xz)?|\.old")
_OPENERS: Final[dict[str, Callable[[Path], _Stream]]] = {
    ".gz": gzip.GzipFile,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
# Raised by a file that is not an archive, or is truncated.
_BROKEN: Final = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class Position(msgspec.Struct, frozen=True):
    """How far a file has been read."""

    inode: int
    offset: int
    """In octets; for a compressed file, of its uncompressed content."""
    head_length: int
    head: bytes
    """The digest of the first `head_length` octets."""
    time: int
    """When the file was read."""


_POSITIONS: Final = msgspec.msgpack.Decoder(Position)
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class _File:
    """One file: the current log, or a rotated one."""

    def __init__(self, path: Path, info: os.stat_result) -> None:
        self.path = path
        self.inode = info.st_ino
        self.changed = info.st_mtime
        self.size = info.st_size
        self._open = _OPENERS.get(path.suffix)
        self._beginning = b""

    def stream(self) -> _Stream:
        stream = self._open(self.path) if self._open else self.path.open("rb", 1 << 18)
        if os.fstat(stream.fileno()).st_ino != self.inode:
            stream.close()
            raise OSError("the file was rotated during the read; the next run continues")
        return stream

    def beginning(self, length: int) -> bytes:
        """The first `length` octets, fewer if the file is shorter."""
        if len(self._beginning) < length:
            with closing(self.stream()) as stream:
                self._beginning = stream.read(_HEAD)
        return self._beginning[:length]

    def is_at(self, position: Position) -> bool:
        """Whether this is the file that `position` refers to."""
        if self._open is None and self.size < position.offset:
            return False
        if not position.head_length:
            return self.inode == position.inode
        try:
            beginning = self.beginning(position.head_length)
        except _BROKEN:
            return False
        return len(beginning) == position.head_length and _digest(beginning) == position.head


class _FilePlace(NamedTuple):
    """A place in a file."""

    file: _File
    offset: int
    time: int

    def octets(self) -> bytes:
        try:
            beginning = self.file.beginning(min(self.offset, _HEAD))
        except OSError as error:
            raise SourceError(f"{self.file.path}: {error}") from error
        head = _digest(beginning)
        return _ENCODE(Position(self.file.inode, self.offset, len(beginning), head, self.time))


class LogFile:
    """The log file at a path, line by line."""

    def __init__(self, path: Path, parser: Parser) -> None:
        """Follow `path` and parse its lines with `parser`."""
        self._path = path
        self._parser = parser

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        """The lines after a position; raises SourceError."""
        try:
            before = _POSITIONS.decode(position) if position else None
        except msgspec.DecodeError:  # the position of another kind of source
            before = None
        try:
            files, offset = self._files(before)
            for number, file in enumerate(files):
                try:
                    is_last = number == len(files) - 1
                    yield from self._lines(file, offset, now, is_last=is_last)
                except _BROKEN as error:
                    _log_broken(file, error)
                offset = 0
        except OSError as error:
            raise SourceError(self._advice(error)) from error

    def inspect(self, now: int) -> Inspection:
        """Inspect the end of the file; an empty result if it has just been rotated."""
        try:
            return inspect(self._path, self._parser, now)
        except FileNotFoundError:
            return Inspection()
        except OSError as error:
            raise SourceError(self._advice(error)) from error

    def search(self, matches: LinePredicate, since: int, now: int) -> Iterator[LogMessage]:
        """Search the file and the rotated siblings that changed after `since`."""
        try:
            current, rotated = self._current(), self._rotated()
            if current is None and not rotated:
                raise FileNotFoundError(0, "", str(self._path))
            files = [file for file in reversed(rotated) if file.changed >= since]
            for file in [*files, *([current] if current is not None else [])]:
                yield from self._matching(file, matches, since, now)
        except OSError as error:
            raise SourceError(self._advice(error)) from error

    def _matching(
        self, file: _File, matches: LinePredicate, since: int, now: int
    ) -> Iterator[LogMessage]:
        try:
            with closing(file.stream()) as stream:
                for octets, _ in split(stream, is_last=True):
                    message = self._parser.message(octets, now) if matches(octets) else None
                    if message is not None and message.time >= since:
                        yield message
        except _BROKEN as error:
            _log_broken(file, error)

    def _advice(self, error: Exception) -> str:
        path = getattr(error, "filename", None) or self._path
        if isinstance(error, PermissionError):
            return f"{path}: permission denied: add the user that reads it to the group adm"
        if isinstance(error, FileNotFoundError):
            return f"{path}: no such file: set [maillog] file to Postfix's log file"
        return f"{path}: {error}"

    def _lines(self, file: _File, offset: int, now: int, *, is_last: bool) -> Iterator[Read]:
        with closing(file.stream()) as stream:
            stream.seek(offset)
            for octets, length in split(stream, is_last=is_last):
                offset += length
                line = self._parser.parse(octets, now) if octets else None
                yield Read(line, _FilePlace(file, offset, now))

    def _files(self, before: Position | None) -> tuple[Sequence[_File], int]:
        """The files to read, oldest first, and the offset at which to start in the first one."""
        current = self._current()
        if before is None:
            if current is None:
                raise FileNotFoundError(0, "", str(self._path))
            return [current], 0
        if current is not None and current.is_at(before):
            return [current], before.offset
        newest = [current] if current is not None and current.size else []
        rotated = self._rotated()
        for number, file in enumerate(rotated):
            if file.is_at(before):
                return [file, *reversed(rotated[:number]), *newest], before.offset
        if before.head_length:
            log.error(
                "%s: truncated or lost after octet %d: lines after that are missed",
                self._path,
                before.offset,
            )
        later = [file for file in reversed(rotated) if file.changed > before.time]
        return [*later, *newest], 0

    def _current(self) -> _File | None:
        try:
            return _File(self._path, self._path.stat())
        except FileNotFoundError:
            if not self._path.parent.is_dir():
                raise
            return None

    def _rotated(self) -> list[_File]:
        """The rotated files, newest first; the original of one that is still being compressed."""
        found: dict[str, _File] = {}
        for path in sorted(self._path.parent.iterdir(), reverse=True):
            if not path.name.startswith(self._path.name):
                continue
            suffix = _ROTATED.fullmatch(path.name, len(self._path.name))
            info = path.lstat()
            if suffix and stat.S_ISREG(info.st_mode) and info.st_size:
                # `x` comes after `x.gz` in this order, and replaces it.
                found[path.name.removesuffix(suffix[1] or "")] = _File(path, info)
        files = sorted(found.values(), key=lambda file: file.changed, reverse=True)
        return files[:_MAX_SIBLINGS]


def _log_broken(file: _File, error: Exception) -> None:
    log.error("%s: %s: the rest of the file is not read", file.path, error)


def _digest(octets: bytes) -> bytes:
    return blake2b(octets, digest_size=16).digest()
