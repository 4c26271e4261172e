"""Notices that wait for Postfix: a file each, in the folder `notices` of the store.

The milter takes a recipient out of a message only once the notice about it is on the disk, so that
neither a crash nor a Postfix that takes no mail can lose what the sender has to know. The spool is
bounded: when it is full, the recipient stays in the message, which loses nothing either.
"""

import os
import time
import zlib
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = "notices"
# No sender, such as a job that runs wild, may use up the room of all.
_SHARE: Final = 10


class SpoolFull(Exception):
    """No more notices fit; the text says whose."""


class Letter(NamedTuple):
    """A notice that waits."""

    path: Path
    recipient: str
    message: bytes


class Spool:
    """The folder, for the milter's workers that fill it and the one process that empties it."""

    def __init__(self, store: Path, most: int) -> None:
        """Nothing is made yet; `most` bounds how many notices wait."""
        self._folder = store / FOLDER
        self._most = most

    def put(self, recipient: str, message: bytes) -> None:
        """Keep a notice, on the disk; raises SpoolFull or OSError.

        The folder is made when it is needed: a milter starts before there is a store.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        own = f"{zlib.crc32(recipient.encode()):08x}"
        self._make_sure_of_room(own)
        name = f"{time.time_ns():020d}.{os.getpid()}.{own}"
        written = self._folder / f".{name}"
        try:
            with written.open("xb") as file:
                file.write(recipient.encode() + b"\n" + message)
                file.flush()
                os.fsync(file.fileno())
            written.rename(self._folder / name)
        except OSError:
            written.unlink(missing_ok=True)
            raise
        self._sync()

    def waiting(self) -> list[Path]:
        """The notices that wait, the oldest first."""
        return sorted(self._folder / name for name in self._names())

    def read(self, path: Path) -> Letter:
        """A notice that waits; raises OSError, or UnicodeDecodeError for what is none."""
        recipient, _, message = path.read_bytes().partition(b"\n")
        return Letter(path, recipient.decode(), message)

    def remove(self, path: Path) -> None:
        """Forget a notice that was handed over."""
        path.unlink(missing_ok=True)

    def _names(self) -> list[str]:
        return [path.name for path in self._folder.glob("[!.]*")]

    def _make_sure_of_room(self, own: str) -> None:
        names = self._names()
        if len(names) >= self._most:
            raise SpoolFull(f"{len(names)} notices wait already: is bouncegate notices running?")
        if sum(name.endswith(own) for name in names) >= max(self._most // _SHARE, 1):
            raise SpoolFull("a tenth of the spool is this sender's already")

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
