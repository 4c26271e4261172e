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


def thin_out(folder: Path, keep: int, made: Path) -> list[Path]:
    """Delete all but the newest so many and the one just made; returns which. Raises OSError.

    What has another name is somebody else's, and stays. The names tell the times: by a clock that
    is or was wrong, the one just made need not be the newest by its name.
    """
    others = sorted(
        path for path in folder.iterdir() if _OURS.fullmatch(path.name) and path != made
    )
    gone = others[: max(len(others) + 1 - keep, 0)]
    for path in gone:
        path.unlink()
    return gone
