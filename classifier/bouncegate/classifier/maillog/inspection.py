"""Inspects the end of a log file: whether its lines can be parsed, and their time zone.

A log with an unexpected format, syslog name or time zone would be ignored silently. So the last
lines are inspected, and the file's modification time, which is the time of its last line.
"""

import os
import re
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.classifier.maillog.line import LogMessage, Parser
from bouncegate.classifier.maillog.split import split
from bouncegate.classifier.maillog.timestamp import offset_of

# Octets: about a thousand lines.
_END: Final = 1 << 18
# The part that every delivery line has, in any syslog format.
_LIKE_DELIVERY: Final = re.compile(
    rb"\bto=<.{0,400}>, (?:orig_to=<.{0,400}>, )?relay=.{1,600}, dsn=[245]\..{3,9}, status=\w+ \("
)
_MOST_TAGS: Final = 3


class Inspection(NamedTuple):
    """The result of an inspection."""

    fault: str = ""
    """Why Postfix's lines cannot be parsed; empty if none shows a fault."""
    offset: int = 0
    """Seconds by which times without a zone are behind."""


def inspect(path: Path, parser: Parser, now: int) -> Inspection:
    """Inspect the end of a file; raises OSError."""
    lines, written = _last_lines(path)
    messages = [parser.message(line, now) for line in lines]
    deliveries = [s for line, s in zip(lines, messages, strict=True) if _LIKE_DELIVERY.search(line)]
    last = messages[-1] if messages else None
    is_local = last is not None and not last.has_zone
    return Inspection(
        _fault(messages, deliveries, parser),
        offset_of(last.time, (written,)) if last is not None and is_local else 0,
    )


def _fault(
    messages: list[LogMessage | None], deliveries: list[LogMessage | None], parser: Parser
) -> str:
    """Why no line can be parsed, given all lines and those that look like deliveries."""
    candidates = deliveries or messages
    known = [line for line in candidates if line is not None]
    if candidates and not known:
        return (
            "unknown format: its last lines are not RFC 3164 or RFC 5424, "
            "plain or within CRI or Docker's json-file"
        )
    if not deliveries or any(parser.is_of_postfix(line) for line in known):
        return ""
    tags = ", ".join(sorted({repr(line.tag) for line in known})[:_MOST_TAGS])
    return f"Postfix logs there as {tags}: set [maillog] syslog_name to match"


def _last_lines(path: Path) -> tuple[list[bytes], float]:
    """The last whole lines, and the modification time of the file."""
    with path.open("rb") as file:
        info = os.fstat(file.fileno())
        start = max(info.st_size - _END, 0)
        file.seek(start)
        octets = file.read(info.st_size - start)
    lines = [line for line, _ in split(BytesIO(octets), is_last=True)]
    # The first line may be incomplete.
    return [line for line in lines[1 if start else 0 :] if line.strip()], info.st_mtime
