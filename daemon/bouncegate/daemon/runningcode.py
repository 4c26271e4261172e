"""Whether the installed code is still the code that runs.

Every file that a module of this process was loaded from is looked at, libraries and the interpreter
among them, since an upgrade of these takes effect only in a new program, too. So is every module of
our own: children import some that the supervisor never does.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import bouncegate

_CODE: Final = (".py", ".so")

_Stamp = tuple[int, int, int]


class RunningCode:
    """The files of the code that runs, as they were."""

    def __init__(self) -> None:
        """Look at them; to be called at the start, when all that is needed is loaded."""
        self._stamps = {path: _stamp(path) for path in set(_files())}

    def replaced(self) -> Path | None:
        """A file that is not what it was, nor there any more; None if there is none."""
        stamps = self._stamps.items()
        return next((path for path, stamp in stamps if _stamp(path) != stamp), None)


def _files() -> Iterator[Path]:
    for module in list(sys.modules.values()):
        if file := getattr(module, "__file__", None):
            yield _archive_or_file(Path(file))
    yield Path(sys.executable)
    for folder in bouncegate.__path__:  # of a namespace package: one for each part
        yield from (path for path in Path(folder).rglob("*") if path.suffix in _CODE)


def _archive_or_file(path: Path) -> Path:
    """The file itself; of a module in an archive (zipapp), the archive."""
    return next((place for place in (path, *path.parents) if place.exists()), path)


def _stamp(path: Path) -> _Stamp | None:
    """What tells one content from another; None where there is no file.

    Time and size, by which CPython knows its own compiled files to be stale, and the inode: dpkg
    gives the files of every build of one version the same time. Not the time of the last change
    of the inode: a hard link to a file, as backups make it, changes that.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - hundreds of files are looked at
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
