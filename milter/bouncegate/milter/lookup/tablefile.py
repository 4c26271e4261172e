"""A lookup table of Postfix's as a file: built beside the old one, then put in its place.

    texthash:FILE          the source itself, which Postfix reads into memory
    lmdb:, cdb:, hash:     built by postmap(1) as FILE.lmdb, FILE.cdb, FILE.db; no source is kept

Postfix never sees half a table, and the daemons that have the old one open notice that it is
gone. `FILE.exported` says when the locks were last compared with the table, and what it is made of.
"""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

# hash: and lmdb: are what Debian's Postfix has; cdb: is the smallest and cannot be changed.
_SUFFIXES: Final = {"texthash": "", "lmdb": ".lmdb", "cdb": ".cdb", "hash": ".db"}
_SEARCHED: Final = ("/usr/sbin", "/usr/local/sbin")
# Addresses of people: for root, who opens Postfix's tables, and the group of the folder.
_MODE: Final = 0o640
# A million entries take postmap(1) seconds; a disk that stalls must not hold a job for ever.
_TIMEOUT: Final = 600.0


class TableError(Exception):
    """The table cannot be written or read; the text says what to do."""

    def __init__(self, text: str, exit_code: int) -> None:
        """`exit_code` is one of sysexits.h."""
        super().__init__(text)
        self.exit_code = exit_code


class Exported(msgspec.Struct, frozen=True):
    """The content of `FILE.exported`."""

    at: int
    """When the locks were last compared with the table, in seconds since 1970."""
    type: str
    entries: int
    digest: str
    """SHA-256 of the source."""
    file: tuple[int, int, int]
    """Inode, size and time of change (ns): anyone else's change makes them differ."""


@dataclass(frozen=True)
class TableFile:
    """One table."""

    type: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `TYPE:/path`, as main.cf writes it; raises TableError."""
        kind, _, path = text.partition(":")
        if kind not in _SUFFIXES or not path.startswith("/"):
            types = ", ".join(_SUFFIXES)
            raise TableError(
                f"{text!r} is no table: write TYPE:/path, where TYPE is one of {types}",
                os.EX_USAGE,
            )
        return cls(kind, Path(path))

    @property
    def built(self) -> Path:
        """The file that Postfix opens."""
        return self.path.with_name(self.path.name + _SUFFIXES[self.type])

    def write(self, lines: Iterable[object]) -> tuple[bool, int]:
        """Make the table of these lines; whether it changed, and how many there are.

        The lines are taken one by one and never held together. Raises TableError; the old table
        is then still in place.
        """
        source = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        made = source.with_name(source.name + _SUFFIXES[self.type])
        try:
            digest, count = _write_source(source, lines)
            changed = not self._is_current(digest)
            if changed:
                self._build(source)
                _sync(made)
                made.replace(self.built)
            self._note(digest, count)
        except OSError as error:
            text = f"{error.filename or self.path}: {error.strerror or error}"
            raise TableError(text, os.EX_CANTCREAT) from error
        finally:
            source.unlink(missing_ok=True)
            made.unlink(missing_ok=True)
        return changed, count

    def _build(self, source: Path) -> None:
        if self.type == "texthash":
            return
        postmap = shutil.which("postmap", path=os.pathsep.join((os.defpath, *_SEARCHED)))
        if postmap is None:
            raise TableError(
                f"postmap is not installed, which builds {self.type}: tables: use texthash:",
                os.EX_UNAVAILABLE,
            )
        done = subprocess.run(
            [postmap, f"{self.type}:{source}"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode or done.stderr:
            raise TableError(f"{self.built}: not written: {done.stderr.strip()}", os.EX_CANTCREAT)

    def _is_current(self, digest: str) -> bool:
        try:
            noted = read_exported(self.path)
            return (noted.type, noted.digest, noted.file) == (
                self.type,
                digest,
                _fingerprint(self.built),
            )
        except (TableError, FileNotFoundError):
            return False

    def _note(self, digest: str, count: int) -> None:
        noted = Exported(int(time.time()), self.type, count, digest, _fingerprint(self.built))
        new = _note_of(self.path).with_name(f".{self.path.name}.{os.getpid()}.exported")
        new.write_bytes(msgspec.json.encode(noted) + b"\n")
        _sync(new)
        new.replace(_note_of(self.path))
        _sync(self.path.parent)


def read_exported(path: Path) -> Exported:
    """What is known of the table at a path; raises TableError."""
    note = _note_of(path)
    try:
        return msgspec.json.decode(note.read_bytes(), type=Exported)
    except FileNotFoundError:
        text = f"{path}: no table was ever written there by `bouncegate map export`"
        raise TableError(text, os.EX_NOINPUT) from None
    except (OSError, msgspec.DecodeError) as error:
        raise TableError(f"{note}: cannot be read: {error}", os.EX_DATAERR) from error


def is_whole(path: Path, exported: Exported) -> bool:
    """Whether the table is still the one that was exported."""
    try:
        return _fingerprint(TableFile(exported.type, path).built) == exported.file
    except (OSError, KeyError):
        return False


def _write_source(source: Path, lines: Iterable[object]) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    descriptor = os.open(source, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _MODE)
    with open(descriptor, "wb", buffering=1 << 20) as file:  # noqa: PTH123 - has a mode already
        for line in lines:
            octets = str(line).encode()
            digest.update(octets)
            file.write(octets)
            count += 1
    return digest.hexdigest(), count


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.exported")


def _fingerprint(path: Path) -> tuple[int, int, int]:
    info = path.stat()
    return info.st_ino, info.st_size, info.st_mtime_ns


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
