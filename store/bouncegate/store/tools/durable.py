"""Files that are on the disk when they are said to be there."""

import errno
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_PORTION: Final = 2**20


@contextmanager
def created(path: Path) -> Iterator[BinaryIO]:
    """A new file that only its owner may read, synced at the end; raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def make_folders(path: Path, top: Path) -> None:
    """Make a folder and those above it, up to `top`, which exists."""
    if path != top and not path.is_dir():
        make_folders(path.parent, top)
        path.mkdir(mode=FOLDER_MODE)


def copied(source: IO[bytes], target: IO[bytes], most: int = sys.maxsize) -> str:
    """Copy to the end, or so many octets; returns the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    left = most
    while portion := source.read(min(_PORTION, left)):
        digest.update(portion)
        target.write(portion)
        left -= len(portion)
    return digest.hexdigest()


def digest_of(file: IO[bytes]) -> str:
    """The SHA-256 of a file, from its beginning on."""
    file.seek(0)
    digest = hashlib.sha256()
    while portion := file.read(_PORTION):
        digest.update(portion)
    return digest.hexdigest()


def sync_folder(path: Path) -> None:
    """Let the names in a folder be durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(top: Path) -> None:
    """The same of a folder and all below it."""
    for folder, _, _ in os.walk(top):
        sync_folder(Path(folder))


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """A folder that takes form at `path` and is gone at the end, unless it was moved away.

    What a process left there that was killed is removed first. Raises FileExistsError while another
    one is at work there.
    """
    remove_draft(path)
    path.mkdir(mode=FOLDER_MODE)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _is_taken(descriptor, path):  # another one was at it between the two steps
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        try:
            yield path
        finally:
            if _is_same(descriptor, path):
                shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def remove_draft(path: Path) -> None:
    """Remove a draft folder whose process has died; one that a process works in stays."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if _is_taken(descriptor, path):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int, path: Path) -> bool:
    """Take the lock of a draft folder, which ends with the process; whether it is still there."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _is_same(descriptor, path)


def _is_same(descriptor: int, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())
