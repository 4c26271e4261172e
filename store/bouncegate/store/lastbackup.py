"""When the store was last saved: a note beside it, for whoever watches that it is.

Its name begins with a dot, so that it is no secret that belongs into a backup. A backup that is
being made, or that failed, leaves the note as it is.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from bouncegate.store.errors import StoreError
from bouncegate.store.layout import hand_over

FILE: Final = ".last-backup"
_LARGEST: Final = 2**16
_MODE: Final = 0o640


class LastBackup(msgspec.Struct, frozen=True):
    """A backup that was whole and on the disk."""

    time: int
    path: str


def note_backup(folder: Path, made: LastBackup) -> None:
    """Remember that the store in a folder was saved; raises StoreError."""
    draft = folder / f"{FILE}.draft"
    try:
        draft.write_bytes(msgspec.json.encode(made))
        draft.chmod(_MODE)
        hand_over(draft, folder)
        draft.replace(folder / FILE)
    except OSError as error:
        raise StoreError(f"{error.filename or folder}: {os.strerror(error.errno or 0)}") from error


def last_backup(folder: Path) -> LastBackup | None:
    """The last one that is known of; None where there is none, or the note cannot be read."""
    try:
        with (folder / FILE).open("rb") as file:
            return msgspec.json.decode(file.read(_LARGEST), type=LastBackup)
    except (OSError, msgspec.DecodeError):
        return None
