"""The interface of a log source: lines, each with the place after it.

A place can be encoded as octets, so that another process can continue there. Only the source
interprets these octets.
"""

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, Protocol

from bouncegate.classifier.maillog.inspection import Inspection
from bouncegate.classifier.maillog.line import Line, LogMessage

LinePredicate = Callable[[bytes], bool]


class Place(Protocol):
    """A place in the log."""

    def octets(self) -> bytes:
        """The place encoded for the store; raises SourceError."""
        ...


class Read(NamedTuple):
    """One line of the log."""

    line: Line | None
    """None for a line of no interest."""
    place: Place
    """After the line."""


class Source(Protocol):
    """A log file with its rotated siblings, or the journal."""

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        """The lines after a position, up to the end; from the start if the position is empty.

        Raises SourceError.
        """
        ...

    def inspect(self, now: int) -> Inspection:
        """Whether Postfix's lines can be parsed; raises SourceError."""
        ...


class Searchable(Protocol):
    """A source that can be searched."""

    def search(self, matches: LinePredicate, since: int, now: int) -> Iterator[LogMessage]:
        """The matching messages since a time, oldest first; raises SourceError.

        `matches` gets the octets of a line, or those of a journal entry as JSON.
        """
        ...


class SourceError(Exception):
    """The log cannot be read; the message says what to do."""

    exit_code = 74  # EX_IOERR
