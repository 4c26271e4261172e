"""Files that a command reads: any by its name, and messages in a file, a folder or an mbox."""

import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from bouncegate.cli.fileerror import FileError
from bouncegate.config.regularfile import open_regular

# Of a single file no more is read than the largest mbox that fits a small machine's memory.
_LARGEST_FILE: Final = 512 * 2**20
_MBOX_LINE: Final = re.compile(rb"(?:\A|\n\r?\n)(?=From \S+ +\w{3} \w{3} [ \d]\d \d\d:\d\d)")


class MessageFile(NamedTuple):
    """One message, under the name by which results call it."""

    name: str
    octets: bytes


def opened(name: str) -> AbstractContextManager[BinaryIO]:
    """A file by its name, or standard input for `-`; raises FileError."""
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return open_regular(Path(name))
    except OSError as error:
        raise FileError(error, name) from None


def messages(path: str) -> Iterator[MessageFile]:
    """The messages of a file, an mbox, a folder (sorted, with its folders) or `-`.

    Raises OSError.
    """
    if path == "-":
        yield from _of_octets("-", sys.stdin.buffer.read(_LARGEST_FILE))
        return
    root = Path(path)
    if not root.is_dir():
        yield from _of_file(root, path)
        return
    for file in sorted(p for p in root.rglob("*") if p.is_file()):
        yield from _of_file(file, str(file.relative_to(root)))


def _of_file(path: Path, name: str) -> Iterator[MessageFile]:
    with open_regular(path) as stream:
        yield from _of_octets(name, stream.read(_LARGEST_FILE))


def _of_octets(name: str, octets: bytes) -> Iterator[MessageFile]:
    """One message, or those of an mbox: a From line after a blank line begins the next.

    A From line that a message quotes is no separator: no header follows it.
    """
    if not octets.startswith(b"From "):
        yield MessageFile(name, octets)
        return
    starts = [m.end() for m in _MBOX_LINE.finditer(octets)]
    begins = [s for s in starts if s == 0 or _begins_message(octets, s)] or [0]
    for begin, end in zip(begins, [*begins[1:], len(octets)], strict=True):
        yield MessageFile(name, octets[begin:end])


def _begins_message(octets: bytes, start: int) -> bool:
    """Whether a header follows the From line at `start`."""
    line_end = octets.find(b"\n", start)
    return re.match(rb"[!-9;-~]+[ \t]*:", octets[line_end + 1 : line_end + 100]) is not None


def lines(path: str) -> list[MessageFile]:
    """Each line of a file, or of standard input for `-`, as an item; blank ones are none.

    Raises OSError.
    """
    if path == "-":
        octets = sys.stdin.buffer.read(_LARGEST_FILE)
    else:
        with open_regular(Path(path)) as file:
            octets = file.read(_LARGEST_FILE)
    return [MessageFile(path, line) for line in octets.splitlines() if line.strip()]
