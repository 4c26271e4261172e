"""A log file, followed across rotation.

A file is known again by its inode and by a digest of its beginning. When the file at hand is not
the one that was read last, that one is looked for among its rotated siblings (`mail.log.1`,
`mail.log-20300131.gz`, `maillog.20300131-000000`), by its inode where it was renamed, by its
beginning where it was copied or compressed; it is read to its end, and what was rotated after it
follows in the order of time. Whoever writes may have the old file still open, so that one moves on
only when a later file has content.
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
from bouncegate.classifier.maillog.line import Parser, Said
from bouncegate.classifier.maillog.source import Read, SourceError, Wanted
from bouncegate.classifier.maillog.split import split

log: Final = logging.getLogger("bouncegate.maillog")

_Stream = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile

# Octets of the beginning by which a file is known again; some ten lines, each with its own time.
_HEAD: Final = 1024
# How many rotated files are looked at, the newest first: two months of daily ones.
_MOST_SIBLINGS: Final = 64
_ROTATED: Final = re.compile(r"[.-]\d[\d.-]{0,30}(\.gz|\.bz2|\.xz)?|\.old")
_OPENERS: Final[dict[str, Callable[[Path], _Stream]]] = {
    ".gz": gzip.GzipFile,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
# What an archive raises that is none, or was cut.
_BROKEN: Final = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class Position(msgspec.Struct, frozen=True):
    """How far a file was read."""

    inode: int
    offset: int
    """Octets, of what was compressed as if it were not."""
    head_length: int
    head: bytes
    """The digest of so many octets of its beginning."""
    time: int
    """When it was read."""


_POSITIONS: Final = msgspec.msgpack.Decoder(Position)
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class _File:
    """One file, the one that is written or a rotated one."""

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
            raise OSError("was rotated while it was read: the next run goes on")
        return stream

    def beginning(self, length: int) -> bytes:
        """The first octets, as many as there are."""
        if len(self._beginning) < length:
            with closing(self.stream()) as stream:
                self._beginning = stream.read(_HEAD)
        return self._beginning[:length]

    def is_at(self, position: Position) -> bool:
        """Whether this is the file that was read up to there."""
        if self._open is None and self.size < position.offset:
            return False
        if not position.head_length:
            return self.inode == position.inode
        try:
            beginning = self.beginning(position.head_length)
        except _BROKEN:
            return False
        return len(beginning) == position.head_length and _digest(beginning) == position.head


class _Stand(NamedTuple):
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
    """The log at a path, as lines."""

    def __init__(self, path: Path, parser: Parser) -> None:
        """Follow `path`, reading its lines by `parser`."""
        self._path = path
        self._parser = parser

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        """The lines behind a position; raises SourceError."""
        try:
            before = _POSITIONS.decode(position) if position else None
        except msgspec.DecodeError:  # that of another kind of source
            before = None
        try:
            files, offset = self._files(before)
            for number, file in enumerate(files):
                try:
                    is_last = number == len(files) - 1
                    yield from self._lines(file, offset, now, is_last=is_last)
                except _BROKEN as error:
                    log.error("%s: %s: what else it tells is not known", file.path, error)
                offset = 0
        except OSError as error:
            raise SourceError(self._told(error)) from error

    def inspect(self, now: int) -> Inspection:
        """What the end of the file shows; nothing where it has just been rotated."""
        try:
            return inspect(self._path, self._parser, now)
        except FileNotFoundError:
            return Inspection()
        except OSError as error:
            raise SourceError(self._told(error)) from error

    def search(self, wanted: Wanted, since: int, now: int) -> Iterator[Said]:
        """Look through the file and those of its rotated siblings that are young enough."""
        try:
            current, rotated = self._current(), self._rotated()
            if current is None and not rotated:
                raise FileNotFoundError(0, "", str(self._path))
            files = [file for file in reversed(rotated) if file.changed >= since]
            for file in [*files, *([current] if current is not None else [])]:
                yield from self._said(file, wanted, since, now)
        except OSError as error:
            raise SourceError(self._told(error)) from error

    def _said(self, file: _File, wanted: Wanted, since: int, now: int) -> Iterator[Said]:
        try:
            with closing(file.stream()) as stream:
                for octets, _ in split(stream, is_last=True):
                    said = self._parser.said(octets, now) if wanted(octets) else None
                    if said is not None and said.time >= since:
                        yield said
        except _BROKEN as error:
            log.error("%s: %s: what else it tells is not known", file.path, error)

    def _told(self, error: Exception) -> str:
        path = getattr(error, "filename", None) or self._path
        if isinstance(error, PermissionError):
            return f"{path}: permission denied: the user that reads it must be in the group adm"
        if isinstance(error, FileNotFoundError):
            return f"{path}: no such file: set [maillog] file to where Postfix logs"
        return f"{path}: {error}"

    def _lines(self, file: _File, offset: int, now: int, *, is_last: bool) -> Iterator[Read]:
        with closing(file.stream()) as stream:
            stream.seek(offset)
            for octets, length in split(stream, is_last=is_last):
                offset += length
                line = self._parser.parse(octets, now) if octets else None
                yield Read(line, _Stand(file, offset, now))

    def _files(self, before: Position | None) -> tuple[Sequence[_File], int]:
        """What is to be read, in the order of time, and where in the first of them to begin."""
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
                "%s: was cut or lost after octet %d: what was logged there is not known",
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
        """The rotated files, newest first; the original of one that is just being compressed."""
        found: dict[str, _File] = {}
        for path in sorted(self._path.parent.iterdir(), reverse=True):
            if not path.name.startswith(self._path.name):
                continue
            suffix = _ROTATED.fullmatch(path.name, len(self._path.name))
            info = path.lstat()
            if suffix and stat.S_ISREG(info.st_mode) and info.st_size:
                # `x` comes after `x.gz` here, and takes its place.
                found[path.name.removesuffix(suffix[1] or "")] = _File(path, info)
        files = sorted(found.values(), key=lambda file: file.changed, reverse=True)
        return files[:_MOST_SIBLINGS]


def _digest(octets: bytes) -> bytes:
    return blake2b(octets, digest_size=16).digest()
