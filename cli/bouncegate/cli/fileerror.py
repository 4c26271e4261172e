"""Files that an argument or an option names and that cannot be read or written."""

import os
from pathlib import Path
from typing import Final

_CODES: Final[dict[type[OSError], int]] = {
    PermissionError: os.EX_NOPERM,
    FileNotFoundError: os.EX_NOINPUT,
    NotADirectoryError: os.EX_NOINPUT,
    IsADirectoryError: os.EX_NOINPUT,
}


class FileError(Exception):
    """A file cannot be read or written; the text says why."""

    def __init__(self, error: OSError, path: Path | str) -> None:
        """Say what the system said; `path` is named if the error names none."""
        hint = ": run as a user who may" if isinstance(error, PermissionError) else ""
        super().__init__(f"{error.filename or path}: {reason_of(error)}{hint}")
        self.exit_code = exit_code_of(error)


def reason_of(error: OSError) -> str:
    """What the system said, within a sentence: "permission denied"."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def exit_code_of(error: OSError) -> int:
    """77 without the right, 66 where there is no such file, else 74."""
    return _CODES.get(type(error), os.EX_IOERR)
