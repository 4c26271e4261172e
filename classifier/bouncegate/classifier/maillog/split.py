"""Splits a log file into lines, each with its length.

The parts of a line that a container runtime has split are joined, so that no part is mistaken for
a line, whatever its text. A position is always after a whole line, never between its parts.
"""

from collections.abc import Iterator
from typing import Final, Protocol

from bouncegate.classifier.maillog.containers import is_wrapped, part_of, plain
from bouncegate.classifier.maillog.line import LONGEST

# Octets kept before the last piece of a line that is too long: its end may span two pieces.
_BORDER: Final = 64


class Lines(Protocol):
    """A file opened for reading, compressed or not."""

    def readline(self, size: int, /) -> bytes:
        """The next line, at most `size` octets of it."""
        ...


def split(stream: Lines, *, is_last: bool) -> Iterator[tuple[bytes, int]]:
    """Whole lines with their lengths; an empty line and its length for one that is too long.

    With `is_last`, the octets after the last line feed are not a line yet: more may be written.
    """
    length = 0
    start = before = b""
    parts = _Parts()
    while octets := stream.readline(LONGEST):
        length += len(octets)
        # A file that was truncated while its writer does not append starts with NULs.
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
    """The parts of an incomplete line."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self._size = 0

    def join(self, head: bytes, end: bytes, *, is_long: bool = False) -> bytes | None:
        """A complete line, given its beginning and its end; None if it continues or is within one.

        Empty for a line that is too long, or of another program.
        """
        part = part_of(head, end, is_long=is_long)
        if part is None:
            self._forget()
            return b"" if is_long else head
        if not part.is_stdout:
            return None if self._texts else b""
        # If the parts are too long in total, only the fact that they continue is kept.
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
