r"""What container runtimes put around a line that a program writes to its standard output.

    2026-11-30T10:00:00.123456789Z stdout F postfix/smtp[7]: ...    CRI: Kubernetes, Podman
    {"log":"postfix/smtp[7]: ...\n","stream":"stdout","time":"..."}   Docker's json-file

Postfix logs so with `maillog_file = /dev/stdout` (MAILLOG_README), which postlogd(8) writes with a
timestamp of its own. The runtime's replaces it, since it tells its zone. A line that a runtime has
cut is tagged P in CRI, in all parts but the last; in json-file it lacks the line feed at its end.
What stands on stderr is of other programs.
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
# The end of a text that a line feed ends, as JSON: its backslash is not escaped itself.
_LINE_FEED: Final = re.compile(rb'(?<!\\)(?:\\\\)*\\n","(?:stream|attrs|time)"')


class Part(NamedTuple):
    """A line of a program, or a part of one."""

    time: bytes
    is_stdout: bool
    text: bytes
    is_last: bool
    """Whether the line ends here."""


class _Entry(msgspec.Struct, frozen=True):
    """One line of Docker's."""

    log: str
    time: str
    stream: str = "stdout"


_ENTRIES: Final = msgspec.json.Decoder(_Entry)


# A bound method: each line of every log is asked.
is_wrapped: Final = re.compile(rb'\{"log":|[0-9]{4}-\S{15,30} std').match
"""Whether a line may be a runtime's, by its beginning."""


def part_of(head: bytes, end: bytes, *, is_long: bool = False) -> Part | None:
    """What a line of a runtime holds, known by its beginning and its end; None: it is none.

    Of one that is too long only that is told which tells where the program's line ends.
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
    # Docker cuts texts of 16 KiB, which then are too long here; a shorter one is whole.
    is_stdout = b'"stream":"stderr"' not in end
    return Part(b"", is_stdout, b"", _LINE_FEED.search(end) is not None)


def plain(time: bytes, text: bytes) -> bytes:
    """A line as a syslog daemon would have written it, at the runtime's time.

    Nothing where it holds a line feed: no runtime writes such a one.
    """
    own = _OWN_TIME.match(text)
    return b"" if b"\n" in text else time + b" " + text[own.end() if own else 0 :] + b"\n"
