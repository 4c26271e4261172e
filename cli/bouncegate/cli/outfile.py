"""Files that a command writes: there when they are whole, or not at all.

Until then they are a draft beside, `.NAME.PID`, which goes whatever ends the command, but for
SIGKILL and a machine that stops.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import BinaryIO, Final, NoReturn

import typer

from bouncegate.cli.fileerror import FileError

# SIGINT is an exception already.
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
# A folder does not take the place of a file, nor of a folder that is not empty.
_TAKEN: Final = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
_SIGNALLED: Final = 128  # and the number of the signal, as a shell tells it


@contextmanager
def writing(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that is there when it is whole."""
    if path is None:
        yield sys.stdout.buffer
        return
    with _draft(path) as draft:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)


@contextmanager
def writing_new(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when it is whole and durable; one that exists is never replaced."""
    with _draft(path) as draft:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # unlike a renaming, it fails where there is something


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """A folder that is there when it is whole; one that exists is only taken if it is empty."""
    with _draft(path) as draft:
        draft.mkdir()
        yield draft
        draft.rename(path)  # fails where there is anything but an empty folder


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Where it is written until it is whole; what is left there is removed at the end."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with _unwinding():
        try:
            yield draft
        except OSError as error:
            raise cannot(error, path) from None
        finally:
            if draft.is_dir():
                rmtree(draft)
            draft.unlink(missing_ok=True)


def cannot(error: OSError, path: Path) -> typer.BadParameter | FileError:
    """What is wrong with the file that an option names."""
    if error.errno in _TAKEN and path.exists():
        return typer.BadParameter(f"{path}: already exists: name another path")
    if isinstance(error, PermissionError):
        return FileError(error, path)
    return typer.BadParameter(f"{path}: {error.strerror}")


@contextmanager
def _unwinding() -> Iterator[None]:
    """Whatever asks the command to end has it take its draft away first."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(_SIGNALLED + number)

    # Who ignores one of them (nohup) goes on to.
    before = {n: signal.getsignal(n) for n in _ENDINGS if signal.getsignal(n) == signal.SIG_DFL}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
