"""Looks for files of the store before it is opened, and refuses who may not look.

In a folder that this user may not enter, `Path.exists` raises PermissionError, and since Python
3.14 it says that nothing is there. Neither is an answer for an operator.
"""

import stat
from pathlib import Path

from bouncegate.store.errors import StoreError, StoreForbidden


def is_there(path: Path) -> bool:
    """Whether a file or folder exists; raises StoreError where that cannot be known."""
    return _mode_of(path) is not None


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    mode = _mode_of(path)
    return mode is not None and stat.S_ISDIR(mode)


def inaccessible(
    error: OSError, path: Path, otherwise: type[StoreError] = StoreError
) -> StoreError:
    """What an error of the file system means for a store; `path` is named if the error names none.

    `otherwise`: what it is if rights are not what is missing.
    """
    name = error.filename or path
    if isinstance(error, PermissionError):
        return StoreForbidden(f"{name}: permission denied: run as the user that owns the store")
    return otherwise(f"{name}: {error.strerror}")


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise inaccessible(error, path) from error
