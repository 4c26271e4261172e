"""A backup in one file: tar(5), compressed by zstd where its name ends so."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

import zstandard

from bouncegate.store.tools.contents import MANIFEST, may_belong
from bouncegate.store.tools.durable import FILE_MODE
from bouncegate.store.tools.errors import BackupDamaged

SUFFIXES: Final = (".tar", ".tar.zst")
_LEVEL: Final = 3
_BLOCK: Final = 2**20
# Octets of a header behind a member's own (pax): ours have one of some 30, for sizes beyond 8 GiB.
_LARGEST_HEADER: Final = 65_536


def is_archive(path: Path) -> bool:
    """Whether a backup of that name is one file, not a folder."""
    return path.name.endswith(SUFFIXES)


def write_archive(folder: Path, file: IO[bytes], *, compress: bool) -> None:
    """Write a backup that lies in a folder into a file, the manifest first; raises OSError."""
    with ExitStack() as stack:
        out: IO[bytes] = file
        if compress:
            compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=1)
            out = stack.enter_context(compressor.stream_writer(file, closefd=False))
        # "|": a stream, which never seeks.
        tar = stack.enter_context(tarfile.open(fileobj=out, mode="w|", bufsize=_BLOCK))
        for name in (MANIFEST, *_names(folder)):
            path = folder / name
            member = tarfile.TarInfo(name)
            status = path.stat()
            member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), FILE_MODE
            with path.open("rb") as content:
                tar.addfile(member, content)


@contextmanager
def read_archive(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """(name, content) of the files in an archive, in order; raises BackupDamaged, OSError.

    Each content is to be read before the next is asked for. What is no file, or has a name that no
    file of a backup has, is not handed out: nothing can be written anywhere else.
    """
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(path.open("rb"))
        if path.name.endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            file = io.BufferedReader(reader, _BLOCK)
        try:
            tar = stack.enter_context(tarfile.open(fileobj=file, mode="r|", tarinfo=_Member))
            yield _members(tar, path)
        except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
            raise BackupDamaged(f"{path}: incomplete archive ({error})") from error


class _Member(tarfile.TarInfo):
    """A member whose own headers are small: the library reads them into memory, as long as they
    say that they are, and a compressed one of zeros may say anything.
    """

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in tarfile.REGULAR_TYPES and self.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} octets")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        is_plain = member.isreg() and not member.issparse()
        content = tar.extractfile(member) if is_plain else None
        if content is None or not (member.name == MANIFEST or may_belong(member.name)):
            raise BackupDamaged(f"{path}: unexpected file {member.name!r} in the archive")
        yield member.name, content


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            yield name
