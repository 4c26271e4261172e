"""The lines of a log file, each with its length: what a program wrote as one line.

The parts of a line that a container runtime has cut become one again, so that no part is taken for
a line, whatever it says. A position lies behind a whole line, never between its parts.
"""

from collections.abc import Iterator
from typing import Final, Protocol

from bouncegate.classifier.maillog.containers import is_wrapped, part_of, plain
from bouncegate.classifier.maillog.line import LONGEST

# Octets before the last piece of a line that is too long: what ends it may lie on the border.
_BORDER: Final = 64


class Lines(Protocol):
    """A file, compressed or not."""

    def readline(self, size: int, /) -> bytes:
        """At most so many octets of the next line."""
        ...


def split(stream: Lines, *, is_last: bool) -> Iterator[tuple[bytes, int]]:
    """Whole lines with their lengths; of one that is too long nothing but its length.

    What stands behind the last line feed is not a line yet, where more may be written.
    """
    length = 0
    start = before = b""
    parts = _Parts()
    while octets := stream.readline(LONGEST):
        length += len(octets)
        # A file that was cut under a writer which does not append begins with a hole of NULs.
        octets = octets.lstrip(b"\0")
        if not octets.endswith(b"\n"):
            if len(octets) == LONGEST:
                start, before = start or octets, octets[-_BORDER:]
            continue
        line: bytes | None = octets
        if start:
            line = parts.join(start, before + octets, is_long=True)
            start = b""
        elif is_wrapped(octets):
            line = parts.join(octets, octets)
        if line is not None:
            yield line, length
            length = 0
    if length and not is_last:
        yield b"", length


class _Parts:
    """The parts of a line whose end has not been read yet."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self._size = 0

    def join(self, head: bytes, end: bytes, *, is_long: bool = False) -> bytes | None:
        """A line, by its beginning and its end; None: it goes on, or stands within one that does.

        Nothing but b"" for what is too long, or of another program.
        """
        part = part_of(head, end, is_long=is_long)
        if part is None:
            self._forget()
            return b"" if is_long else head
        if not part.is_stdout:
            return None if self._texts else b""
        # Of what is too long in all, nothing is kept but that it goes on.
        self._size += LONGEST if is_long else len(part.text) + 1
        self._texts = [*self._texts, part.text] if self._size < LONGEST else [b""]
        if not part.is_last:
            return None
        line = plain(part.time, b"".join(self._texts)) if self._size < LONGEST else b""
        self._forget()
        return line

    def _forget(self) -> None:
        self._texts = []
        self._size = 0
