"""The systemd journal as a source: journalctl(1), one JSON object per entry.

journald itself sets the fields that begin with an underscore, so that the logging program cannot
forge them (systemd.journal-fields(7)). So only entries of root or Postfix's own user in a unit of
Postfix count, whatever tag others log under. Both user and unit are checked because local(8) and
pipe(8) run programs of other users within the unit: a line in a .forward file is enough.
"""

import os
import pwd
import re
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final, NamedTuple

import msgspec

from bouncegate.classifier.maillog.inspection import Inspection
from bouncegate.classifier.maillog.line import Line, LogMessage, Parser
from bouncegate.classifier.maillog.source import LinePredicate, Read, SourceError

JOURNALCTL: Final = ("journalctl",)
_OUTPUT: Final = (
    *("--quiet", "--no-pager", "--no-tail", "--output=json"),
    "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_UID",
)
_FACILITY_MAIL: Final = "SYSLOG_FACILITY=2"  # RFC 5424, 6.2.1
# postfix.service, postfix@-.service, and postfix-NAME.service with several instances.
_POSTFIX: Final = re.compile(r"postfix(?:[@-][^/]*)?\.service")
_OURS: Final = re.compile(r"bouncegate-[a-z-]+\.service")
_ROOT: Final = 0
_MAIL_OWNER: Final = "postfix"  # mail_owner of postconf(5)
# Seconds before now at which the first run starts.
_FIRST: Final = 86_400
# journalctl writes null for a field of more than 4,096 octets; the cursor has about 150.
_LONGEST_ENTRY: Final = 65_536


class _Entry(msgspec.Struct, frozen=True):
    """One entry; a field that is not UTF-8 is a list of octets, a repeated one a list of texts."""

    cursor: str = msgspec.field(name="__CURSOR")
    time: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    """Microseconds since 1970."""
    message: str | list[int | str] | None = msgspec.field(name="MESSAGE", default=None)
    tag: object = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    unit: object = msgspec.field(name="_SYSTEMD_UNIT", default="")
    user: object = msgspec.field(name="_UID", default="")


_ENTRIES: Final = msgspec.json.Decoder(_Entry)


class _Cursor(NamedTuple):
    text: str

    def octets(self) -> bytes:
        return self.text.encode()


class Journal:
    """The journal entries of Postfix's units, as lines."""

    def __init__(
        self,
        parser: Parser,
        command: Sequence[str] = JOURNALCTL,
        writers: frozenset[int] | None = None,
    ) -> None:
        """Read from `command`: journalctl, optionally with further options.

        `writers` are the user ids under which Postfix logs; by default those of this machine.
        """
        self._parser = parser
        self._command = command
        self._writers = frozenset(map(str, _writers() if writers is None else writers))

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        """The entries after a cursor, or of the last day; raises SourceError."""
        cursor = position.decode("ascii", "replace")
        # The position may come from another kind of source.
        known = cursor.isprintable() and cursor.startswith("s=")
        # --after-cursor skips one entry even if the cursor's own entry no longer exists.
        start = f"--cursor={cursor}" if known else f"--since=@{now - _FIRST}"
        with _output_of([*self._command, *_OUTPUT, start, _FACILITY_MAIL]) as lines:
            for octets in lines:
                entry = _decoded(octets)
                if entry is not None and entry.cursor != cursor:
                    yield Read(self._line(entry), _Cursor(entry.cursor))

    def inspect(self, now: int) -> Inspection:
        """An empty result: entries have a fixed format, and their time is in UTC."""
        del now
        return Inspection()

    def search(self, matches: LinePredicate, since: int, now: int) -> Iterator[LogMessage]:
        """Search the entries of Postfix's units and of Bouncegate's."""
        del now  # an entry includes its year
        with _output_of([*self._command, *_OUTPUT, f"--since=@{since}"]) as lines:
            for octets in lines:
                entry = _decoded(octets) if matches(octets) else None
                if entry is None or not (self._is_of_postfix(entry) or _is_of_unit(entry, _OURS)):
                    continue
                message = _message(entry)
                if message is not None:
                    yield message

    def _line(self, entry: _Entry) -> Line | None:
        message = _message(entry) if self._is_of_postfix(entry) else None
        return None if message is None else self._parser.read(message)

    def _is_of_postfix(self, entry: _Entry) -> bool:
        return entry.user in self._writers and _is_of_unit(entry, _POSTFIX)


def _writers() -> frozenset[int]:
    """The users that Postfix's programs run as."""
    try:
        return frozenset({_ROOT, pwd.getpwnam(_MAIL_OWNER).pw_uid})
    except KeyError:
        return frozenset({_ROOT})


def _is_of_unit(entry: _Entry, units: re.Pattern[str]) -> bool:
    return isinstance(entry.unit, str) and units.fullmatch(entry.unit) is not None


def _message(entry: _Entry) -> LogMessage | None:
    """The message of an entry, None if it has none."""
    text = entry.message
    if isinstance(text, list):
        if not all(isinstance(octet, int) and 0 <= octet < 256 for octet in text):
            return None
        text = bytes(octet for octet in text if isinstance(octet, int)).decode(errors="replace")
    if text is None or not isinstance(entry.tag, str) or not entry.time.isdecimal():
        return None
    return LogMessage(int(entry.time[:16]) // 1_000_000, entry.tag, text)


def _decoded(octets: bytes) -> _Entry | None:
    try:
        return _ENTRIES.decode(octets)
    except msgspec.DecodeError:
        return None  # not an entry with a cursor, so there is no place to continue from


@contextmanager
def _output_of(argv: Sequence[str]) -> Iterator[Iterator[bytes]]:
    """The lines that a command writes; leaving the context early kills it."""
    with tempfile.TemporaryFile() as complaints, _started(argv, complaints) as process:
        output = process.stdout
        assert output is not None
        try:
            yield iter(lambda: output.readline(_LONGEST_ENTRY), b"")
        except BaseException:
            process.kill()
            raise
        if process.wait():
            complaints.seek(0)
            words = complaints.read(2000).decode(errors="replace").strip()
            raise SourceError(f"{argv[0]} failed with exit code {process.returncode}: {words}")


def _started(argv: Sequence[str], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise SourceError(
            f'{argv[0]}: {error.strerror}: install systemd, or set [maillog] source = "file"'
        ) from error
