"""Files that a command is given by name."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import typer

from bouncegate.config.regularfile import open_regular


def opened(name: str) -> AbstractContextManager[BinaryIO]:
    """A file by its name, or standard input for `-`; ends the command where there is none."""
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open_regular(Path(name))
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}") from None
