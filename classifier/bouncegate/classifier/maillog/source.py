"""What a log is read from: lines, each with the place behind it.

A place can be written down as octets, to go on from there in another process. What those mean is
the source's own affair.
"""

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, Protocol

from bouncegate.classifier.maillog.inspection import Inspection
from bouncegate.classifier.maillog.line import Line, Said

Wanted = Callable[[bytes], bool]


class Place(Protocol):
    """Where in the log one stands."""

    def octets(self) -> bytes:
        """The place in a form that lasts; raises SourceError."""
        ...


class Read(NamedTuple):
    """One line that was read."""

    line: Line | None
    """None for what tells nothing of interest."""
    place: Place
    """Behind the line."""


class Source(Protocol):
    """A log file with the rotated ones beside it, or the journal."""

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        """The lines behind a position, up to the end; from the beginning where it is empty.

        Raises SourceError.
        """
        ...

    def inspect(self, now: int) -> Inspection:
        """Whether what Postfix logs can be read; raises SourceError."""
        ...


class Searchable(Protocol):
    """The same, looked through for what somebody asks for."""

    def search(self, wanted: Wanted, since: int, now: int) -> Iterator[Said]:
        """What was said since a time, of what is wanted, the oldest first; raises SourceError.

        `wanted` is asked of a line's octets, or of an entry's as JSON.
        """
        ...


class SourceError(Exception):
    """The log cannot be read; the text says what to do."""

    exit_code = 74  # EX_IOERR
