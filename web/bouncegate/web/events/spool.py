"""A folder in place of a receiver: one file for each event, for a program on this machine.

A file appears whole or not at all, under a name by which files lie in the order of events; the
program deletes what it has done. An event that is written again replaces its file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bouncegate.web.events.event import Event
from bouncegate.web.events.retries import Answer

MOST_FILES: Final = 10_000
MOST_OCTETS: Final = 64 * 2**20
_MODE: Final = 0o640
_DRAFT: Final = ".draft"
_STORED: Final = 201


class Spool:
    """One folder; for one thread."""

    def __init__(
        self, folder: Path, *, most_files: int = MOST_FILES, most_octets: int = MOST_OCTETS
    ) -> None:
        self._folder = folder
        self._most = (most_files, most_octets)
        # What fits for sure, by the last look: the other side can only make more room.
        self._files = self._octets = 0

    def write(self, event: Event, body: bytes) -> Answer:
        """Write an event; raises nothing."""
        try:
            if self._files < 1 or self._octets < len(body):
                self._look()
            if self._files < 1 or self._octets < len(body):
                return Answer(0, f"{self._folder}: full: nothing reads the events there")
            self._files, self._octets = self._files - 1, self._octets - len(body)
            self._write(self._folder / name_of(event), body)
        except OSError as error:
            return Answer(0, f"{error.filename or self._folder}: {error.strerror}")
        return Answer(_STORED, "written")

    def _look(self) -> None:
        self._files, self._octets = self._most
        with os.scandir(self._folder) as entries:
            for entry in entries:
                self._files -= 1
                self._octets -= entry.stat(follow_symlinks=False).st_size

    def _write(self, path: Path, body: bytes) -> None:
        draft = self._folder / _DRAFT
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(draft, flags, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def name_of(event: Event) -> str:
    """The name of the file of an event."""
    return f"{event.sequence:016d}-{event.id.rpartition('-')[2]}.json"
