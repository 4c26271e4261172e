"""Backups made one after the other in a folder, of which the newest are kept."""

import re
import time
from pathlib import Path
from typing import Final

_NAME: Final = "bouncegate-%Y%m%dT%H%M%SZ.tar.zst"
NAMES: Final = "bouncegate-*.tar.zst"
_OURS: Final = re.compile(r"bouncegate-\d{8}T\d{6}Z\.tar\.zst")


def next_of(folder: Path, now: int) -> Path:
    """Where a backup of that time goes."""
    return folder / time.strftime(_NAME, time.gmtime(now))


def thin_out(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest so many; tells which. Raises OSError.

    What has another name is somebody else's, and stays.
    """
    ours = sorted(path for path in folder.iterdir() if _OURS.fullmatch(path.name))
    gone = ours[:-keep]
    for path in gone:
        path.unlink()
    return gone
