"""Sentences for people: folded to the width of the terminal that shows them, a line in a pipe."""

import sys
from shutil import get_terminal_size
from textwrap import wrap
from typing import Final, TextIO

from bouncegate.config.text import printable

_STEP: Final = "  "


def write_text(text: str, out: TextIO | None = None) -> None:
    """A paragraph on standard output, unless another file is named."""
    file = sys.stdout if out is None else out
    print(folded(text, file), file=file)


def folded(text: str, out: TextIO) -> str:
    """A paragraph as it fits there; a word is never parted, so that it can be copied.

    The lines of one that is indented are indented further.
    """
    line = printable(text)
    width = get_terminal_size().columns if out.isatty() else 0
    if not len(line) > width > 0:
        return line
    margin = line[: len(line) - len(line.lstrip())]
    indent = margin + _STEP if margin else ""
    lines = wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)
