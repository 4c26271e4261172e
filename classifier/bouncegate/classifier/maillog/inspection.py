"""What the end of a log file shows: whether its lines can be read, and in which zone they are told.

A log in a form, under a name or in a time zone that is not expected would count for nothing, in
silence. So the last lines are looked at, and when the file was written: its last line is of then.
"""

import os
import re
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.classifier.maillog.line import Parser, Said
from bouncegate.classifier.maillog.split import split
from bouncegate.classifier.maillog.zone import offset_of

# Octets: some thousand lines.
_END: Final = 1 << 18
# What every line of a delivery holds, in whatever form a daemon has written it down.
_LIKE_DELIVERY: Final = re.compile(
    rb"\bto=<.{0,400}>, (?:orig_to=<.{0,400}>, )?relay=.{1,600}, dsn=[245]\..{3,9}, status=\w+ \("
)
_MOST_TAGS: Final = 3


class Inspection(NamedTuple):
    """What a log file shows."""

    fault: str = ""
    """Why what Postfix logs there cannot be read; empty where nothing shows that."""
    offset: int = 0
    """Seconds by which times that tell no zone are behind."""


def inspect(path: Path, parser: Parser, now: int) -> Inspection:
    """Look at the end of a file; raises OSError."""
    lines, written = _last_lines(path)
    said = [parser.said(line, now) for line in lines]
    told = [s for line, s in zip(lines, said, strict=True) if _LIKE_DELIVERY.search(line)]
    last = said[-1] if said else None
    is_local = last is not None and not last.tells_zone
    return Inspection(
        _fault(said, told, parser),
        offset_of(last.time, (written,)) if last is not None and is_local else 0,
    )


def _fault(said: list[Said | None], deliveries: list[Said | None], parser: Parser) -> str:
    """Why none of the lines can be read, by all of them and those that look like deliveries."""
    asked = deliveries or said
    known = [line for line in asked if line is not None]
    if asked and not known:
        return (
            "none of its last lines has a form that is known "
            "(RFC 3164, RFC 5424, or these in CRI or Docker's json-file)"
        )
    if not deliveries or any(parser.is_of_postfix(line) for line in known):
        return ""
    tags = ", ".join(sorted({repr(line.tag) for line in known})[:_MOST_TAGS])
    return f"Postfix logs there as {tags}, and under no name that [maillog] syslog_name says"


def _last_lines(path: Path) -> tuple[list[bytes], float]:
    """The last whole lines, and when the file was written."""
    with path.open("rb") as file:
        info = os.fstat(file.fileno())
        start = max(info.st_size - _END, 0)
        file.seek(start)
        octets = file.read(info.st_size - start)
    lines = [line for line, _ in split(BytesIO(octets), is_last=True)]
    # The first one may be cut.
    return [line for line in lines[1 if start else 0 :] if line.strip()], info.st_mtime
