"""Replacing files as postconf(1) does, but keeping their mode and owner."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MODE: Final = 0o644


class Edited(Exception):
    """A file was edited after the change was planned."""


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Lock a Postfix's files against other runs of this command.

    Waits for them, or raises BlockingIOError.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def content_of(path: Path) -> bytes | None:
    """The content of a file; None if there is none. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def replace_file(path: Path, octets: bytes | None, expected: bytes | None) -> None:
    """Replace a file atomically, if its content is as expected; raises Edited and OSError.

    The temporary file is the one that postconf(1) locks and renames (edit_file(3)), so that neither
    overwrites the other's change.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    while True:
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not _is_still(temporary, handle):
                continue  # the process that held the lock has renamed it
            _write(path, temporary, handle, octets, expected)
            return
        finally:
            os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(handle))


def _write(
    path: Path, temporary: Path, handle: int, octets: bytes | None, expected: bytes | None
) -> None:
    try:
        if content_of(path) != expected:
            raise Edited(f"{path} was edited in the meantime: try again")
        if octets is None:
            path.unlink(missing_ok=True)
            temporary.unlink()
            return
        _copy_owner_and_mode(path, handle)
        os.truncate(handle, 0)
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(handle)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make renames in a folder durable; raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy_owner_and_mode(path: Path, handle: int) -> None:
    """Give a temporary file the owner and mode of the file that it will replace."""
    try:
        found = path.stat()
    except FileNotFoundError:
        os.fchmod(handle, _MODE)
        return
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(handle, found.st_uid, found.st_gid)
    os.fchmod(handle, stat.S_IMODE(found.st_mode))
