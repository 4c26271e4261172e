"""Files that are on the disk when they are said to be there."""

import hashlib
import os
import shutil
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


def copied(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy to the end; tells the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while portion := source.read(_PORTION):
        digest.update(portion)
        target.write(portion)
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
    """A folder that takes form at `path` and is gone at the end, unless it was moved away."""
    path.mkdir(mode=FOLDER_MODE)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
