"""Files that a command writes: there when they are whole, or not at all."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO

import typer


@contextmanager
def writing(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that is there when it is whole."""
    if path is None:
        yield sys.stdout.buffer
        return
    draft = _draft_of(path)
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise cannot(error) from None
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def writing_new(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when it is whole and durable; one that exists is never replaced."""
    draft = _draft_of(path)
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # unlike a renaming, it fails where there is something
    except OSError as error:
        raise cannot(error, path) from None
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """A folder that is there when it is whole; one that exists is only taken if it is empty."""
    draft = _draft_of(path)
    try:
        draft.mkdir()
        yield draft
        draft.rename(path)  # fails where there is anything but an empty folder
    except OSError as error:
        raise cannot(error, path) from None
    finally:
        with suppress(FileNotFoundError):
            rmtree(draft)


def cannot(error: OSError, path: Path | None = None) -> typer.BadParameter:
    """What is wrong with the file that an option names."""
    if path is not None and path.exists():
        return typer.BadParameter(f"{path}: there is something already: name another place")
    return typer.BadParameter(f"{path or error.filename}: {error.strerror}")


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
