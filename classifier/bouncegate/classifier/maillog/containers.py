r"""Log formats of container runtimes, which wrap each line of a program's standard output.

    2026-11-30T10:00:00.123456789Z stdout F postfix/smtp[7]: ...    CRI: Kubernetes, Podman
    {"log":"postfix/smtp[7]: ...\n","stream":"stdout","time":"..."}   Docker's json-file

Postfix logs this way with `maillog_file = /dev/stdout` (MAILLOG_README). postlogd(8) writes its own
timestamp; the runtime's timestamp replaces it because it includes the zone. If a runtime splits a
line, CRI tags all parts but the last with P, and json-file omits the line feed at the end of a
part. Lines on stderr come from other programs.
"""

import re
from typing import Final, NamedTuple

import msgspec

from bouncegate.classifier.maillog.timestamp import ISO, TIMESTAMP

_CRI: Final = re.compile(
    rf"(?P<time>{ISO}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\S*)? (?P<text>.*)".encode(),
    re.DOTALL,
)
_OWN_TIME: Final = re.compile(rf"(?:<[0-9]{{1,3}}>)?(?:1 )?(?:{TIMESTAMP}) ".encode())
# The end of a JSON text that ends with a line feed: its backslash is not itself escaped.
_LINE_FEED: Final = re.compile(rb'(?<!\\)(?:\\\\)*\\n","(?:stream|attrs|time)"')


class Part(NamedTuple):
    """A line that a program wrote, or a part of one."""

    time: bytes
    is_stdout: bool
    text: bytes
    is_last: bool
    """Whether the line ends here."""


class _Entry(msgspec.Struct, frozen=True):
    """One line of a json-file log."""

    log: str
    time: str
    stream: str = "stdout"


_ENTRIES: Final = msgspec.json.Decoder(_Entry)


# A bound method for speed: it is called for every line.
is_wrapped: Final = re.compile(rb'\{"log":|[0-9]{4}-\S{15,30} std').match
"""Whether the beginning of a line looks like a container runtime's."""


def part_of(head: bytes, end: bytes, *, is_long: bool = False) -> Part | None:
    """Unwrap a runtime's line, given its beginning and its end; None if it is not one.

    For a line that is too long, the result only says whether the program's line ends there.
    """
    if head.startswith(b'{"log":'):
        return _of_long_json(end) if is_long else _of_json(head)
    match = _CRI.fullmatch(head)
    if match is None:
        return None
    is_last, is_stdout = match["tag"] == b"F", match["stream"] == b"stdout"
    return Part(match["time"], is_stdout, match["text"].rstrip(b"\r\n"), is_last)


def _of_json(octets: bytes) -> Part | None:
    try:
        entry = _ENTRIES.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    text = entry.log.encode("utf-8", "replace").rstrip(b"\r\n")
    return Part(entry.time.encode("utf-8", "replace"), entry.stream == "stdout", text, True)


def _of_long_json(end: bytes) -> Part:
    # Docker splits a text after 16 KiB, so only a line that is too long can be a part.
    is_stdout = b'"stream":"stderr"' not in end
    return Part(b"", is_stdout, b"", _LINE_FEED.search(end) is not None)


def plain(time: bytes, text: bytes) -> bytes:
    """The line as a syslog daemon writes it, with the runtime's timestamp.

    Empty if the text contains a line feed: no runtime writes such a line.
    """
    own = _OWN_TIME.match(text)
    return b"" if b"\n" in text else time + b" " + text[own.end() if own else 0 :] + b"\n"
