"""Standard input, output and error of the command: open from its first line to its last.

A command that only shows ends when nobody reads on (`| head`), by the convention of SIGPIPE. One
that changes something finishes, whether or not its output is read (`finish_unread`). Text on
standard error that nobody reads is dropped.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_INPUT, _OUTPUT, _ERROR = range(3)
_OTHERWISE: Final = "utf-8"


class OutputUnread(Exception):
    """Standard output was closed by its reader."""

    exit_code: Final = 128 + signal.SIGPIPE  # as a shell shows it


class OutputError(Exception):
    """Standard output cannot be written: the disk is full, for example."""

    exit_code: Final = os.EX_IOERR


class _Descriptor(io.FileIO):
    """A descriptor that outlives its file object; `drops`: what cannot be written is dropped."""

    def __init__(self, number: int, *, drops: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._drops = drops

    def drop_unread(self) -> None:
        """Go on when the reader has closed it."""
        self._drops = True

    def write(self, octets: "ReadableBuffer", /) -> int:
        """Write all octets or drop them; raises OutputUnread, OutputError."""
        try:
            return super().write(octets) or 0  # None: it does not block, and is full
        except OSError as error:
            if not self._drops:
                self._drops = True  # what is buffered must not fail again when the process exits
                if error.errno == errno.EPIPE:
                    raise OutputUnread from None
                raise OutputError(f"cannot write the output: {error.strerror}") from None
            return memoryview(octets).nbytes


class _Output:
    """The standard output in use."""

    descriptor: _Descriptor | None = None


def finish_unread() -> None:
    """Let this command finish what it changes, whether or not somebody reads what it says."""
    if _Output.descriptor is not None:
        _Output.descriptor.drop_unread()


@contextmanager
def attached() -> Iterator[None]:
    """Standard output and error as described above, for the time of a command."""
    _open_missing()
    before = sys.stdout, sys.stderr
    output = _Output.descriptor = _Descriptor(_OUTPUT, drops=False)
    sys.stdout = _text(output, sys.__stdout__)
    sys.stderr = _text(_Descriptor(_ERROR, drops=True), sys.__stderr__)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
        _Output.descriptor = None


def _text(descriptor: _Descriptor, like: TextIO | None) -> TextIO:
    """Text for a descriptor; what its encoding does not have is escaped.

    Octets may be written to its buffer in between, and stay in order.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(descriptor),
        encoding=like.encoding if like else _OTHERWISE,
        errors="backslashreplace",
        line_buffering=descriptor.fileno() == _ERROR or descriptor.isatty(),
        write_through=True,
    )


def _open_missing() -> None:
    """Open what the caller has closed: no file of ours may take its number and its text."""
    for number in (_INPUT, _OUTPUT, _ERROR):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(_INPUT, closefd=False)  # noqa: SIM115 - it is there to the end
