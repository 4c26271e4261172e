"""The journal of systemd as a source: journalctl(1), one JSON object an entry.

Fields that begin with an underscore come from journald itself and cannot be made up by who logs
(systemd.journal-fields(7)): so only what root or Postfix's own user said in a unit of Postfix is
taken, whatever tag others log under. The user counts as well as the unit, since local(8) and
pipe(8) run programs of other users within it: a line in a .forward file is enough.
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
from bouncegate.classifier.maillog.line import Line, Parser, Said
from bouncegate.classifier.maillog.source import Read, SourceError, Wanted

JOURNALCTL: Final = ("journalctl",)
_OUTPUT: Final = (
    *("--quiet", "--no-pager", "--no-tail", "--output=json"),
    "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_UID",
)
_FACILITY_MAIL: Final = "SYSLOG_FACILITY=2"  # RFC 5424, 6.2.1
# postfix.service, postfix@-.service, and postfix-NAME.service of who runs several.
_POSTFIX: Final = re.compile(r"postfix(?:[@-][^/]*)?\.service")
_OURS: Final = re.compile(r"bouncegate-[a-z-]+\.service")
_ROOT: Final = 0
_MAIL_OWNER: Final = "postfix"  # mail_owner of postconf(5)
# How far back the first run looks, in seconds.
_FIRST: Final = 86_400
# journalctl gives null for a field of more than 4,096 octets; the cursor has some 150.
_LONGEST_ENTRY: Final = 65_536


class _Entry(msgspec.Struct, frozen=True):
    """One entry; a field that is no UTF-8 is a list of octets, one that occurs twice of texts."""

    cursor: str = msgspec.field(name="__CURSOR")
    time: str = msgspec.field(name="__REALTIME_TIMESTAMP")
    """Microseconds since 1970."""
    said: str | list[int | str] | None = msgspec.field(name="MESSAGE", default=None)
    tag: object = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    unit: object = msgspec.field(name="_SYSTEMD_UNIT", default="")
    user: object = msgspec.field(name="_UID", default="")


_ENTRIES: Final = msgspec.json.Decoder(_Entry)


class _Cursor(NamedTuple):
    text: str

    def octets(self) -> bytes:
        return self.text.encode()


class Journal:
    """What units of Postfix said, as lines."""

    def __init__(
        self,
        parser: Parser,
        command: Sequence[str] = JOURNALCTL,
        writers: frozenset[int] | None = None,
    ) -> None:
        """Ask `command`, journalctl with options of its own.

        `writers` are the user ids under which Postfix logs; by default those of this machine.
        """
        self._parser = parser
        self._command = command
        self._writers = frozenset(map(str, _writers() if writers is None else writers))

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        """The entries behind a cursor, or of the last day; raises SourceError."""
        cursor = position.decode("ascii", "replace")
        # A position that another kind of source has left is none.
        known = cursor.isprintable() and cursor.startswith("s=")
        # --after-cursor would pass over one entry even where that of the cursor is long gone.
        start = f"--cursor={cursor}" if known else f"--since=@{now - _FIRST}"
        with _output_of([*self._command, *_OUTPUT, start, _FACILITY_MAIL]) as lines:
            for octets in lines:
                entry = _decoded(octets)
                if entry is not None and entry.cursor != cursor:
                    yield Read(self._line(entry), _Cursor(entry.cursor))

    def inspect(self, now: int) -> Inspection:
        """Nothing: an entry has a form of its own, and tells the time in UTC."""
        del now
        return Inspection()

    def search(self, wanted: Wanted, since: int, now: int) -> Iterator[Said]:
        """Look through what units of Postfix and of ours said."""
        del now  # an entry tells its year
        with _output_of([*self._command, *_OUTPUT, f"--since=@{since}"]) as lines:
            for octets in lines:
                entry = _decoded(octets) if wanted(octets) else None
                if entry is None or not (self._is_of_postfix(entry) or _is_of_unit(entry, _OURS)):
                    continue
                said = _said(entry)
                if said is not None:
                    yield said

    def _line(self, entry: _Entry) -> Line | None:
        said = _said(entry) if self._is_of_postfix(entry) else None
        return None if said is None else self._parser.read(said)

    def _is_of_postfix(self, entry: _Entry) -> bool:
        return entry.user in self._writers and _is_of_unit(entry, _POSTFIX)


def _writers() -> frozenset[int]:
    """The users as whom programs of Postfix run."""
    try:
        return frozenset({_ROOT, pwd.getpwnam(_MAIL_OWNER).pw_uid})
    except KeyError:
        return frozenset({_ROOT})


def _is_of_unit(entry: _Entry, units: re.Pattern[str]) -> bool:
    return isinstance(entry.unit, str) and units.fullmatch(entry.unit) is not None


def _said(entry: _Entry) -> Said | None:
    """What an entry says."""
    text = entry.said
    if isinstance(text, list):
        if not all(isinstance(octet, int) and 0 <= octet < 256 for octet in text):
            return None
        text = bytes(octet for octet in text if isinstance(octet, int)).decode(errors="replace")
    if text is None or not isinstance(entry.tag, str) or not entry.time.isdecimal():
        return None
    return Said(int(entry.time[:16]) // 1_000_000, entry.tag, text)


def _decoded(octets: bytes) -> _Entry | None:
    try:
        return _ENTRIES.decode(octets)
    except msgspec.DecodeError:
        return None  # not what journalctl writes of an entry with a cursor: nothing to go on from


@contextmanager
def _output_of(argv: Sequence[str]) -> Iterator[Iterator[bytes]]:
    """The lines that a command writes; it is ended when no more of them are wanted."""
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
            said = complaints.read(2000).decode(errors="replace").strip()
            raise SourceError(f"{argv[0]} ended with {process.returncode}: {said}")


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
            f"{argv[0]}: {error.strerror}: install systemd, or read a file: "
            '[maillog] source = "file"'
        ) from error
