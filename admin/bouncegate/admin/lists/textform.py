"""How a list is written in a file: its encoding, its byte order mark, and what separates cells."""

import codecs
import io
import re
from typing import BinaryIO, Final, NamedTuple, TextIO

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK: Final = 3
_DELIMITERS: Final = ",;\t"
_QUOTED: Final = re.compile(r'"[^"]*"')
# Excel reads this line, and writes it in no file of its own.
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[\r\n]*\Z', re.IGNORECASE)
_ESCAPED: Final = re.compile("[\udc80-\udcff]")


class CsvError(ValueError):
    """The file is not valid CSV; the text says why."""


class TextForm(NamedTuple):
    """The encoding of a file, and the mark with which it begins."""

    encoding: str
    mark: bytes = b""

    def encoded(self, text: str) -> bytes:
        """The octets of a text of the file, as they were."""
        return text.encode(self.encoding, "surrogateescape")


def open_text(octets: BinaryIO, encoding: str = "") -> tuple[TextIO, TextForm]:
    """The text of a file behind its mark, with ends of lines as they are.

    UTF-8, or UTF-16 if the file says so, or the encoding that is named. Octets that do not fit
    become surrogates, which `TextForm.encoded` turns back. Raises CsvError.
    """
    if encoding:
        encoding = _known(encoding)
    head = octets.read(_LONGEST_MARK)
    form = _form_of(head, encoding)
    rest = io.BufferedReader(Continued(head[len(form.mark) :], octets))
    return io.TextIOWrapper(rest, form.encoding, "surrogateescape", newline=""), form


def _known(encoding: str) -> str:
    try:
        codecs.lookup(encoding)
        "".encode(encoding)  # which fails for one that is none of text, such as hex
    except (LookupError, TypeError, ValueError):
        raise CsvError(f"unknown encoding {encoding!r}: use utf-8 or windows-1252, say") from None
    return encoding


def _form_of(head: bytes, encoding: str) -> TextForm:
    for mark, name in _MARKS:
        if head.startswith(mark) and (not encoding or _same(name, encoding)):
            return TextForm(name, mark)
    if encoding:
        return TextForm(encoding)
    # The first characters of a list are ASCII: UTF-16 without a mark has zeros between them.
    if head[1:2] == b"\0":
        return TextForm("utf-16-le")
    return TextForm("utf-16-be" if head[:1] == b"\0" else "utf-8")


def _same(name: str, encoding: str) -> bool:
    return codecs.lookup(encoding).name.replace("-sig", "") in (name, name[:6])


def is_decoded(line: str) -> bool:
    """Whether all octets of a line fit the encoding."""
    return line.isascii() or _ESCAPED.search(line) is None


def refuse_undecoded(line: str, number: int, form: TextForm) -> None:
    """Raise CsvError if octets of the line do not fit the encoding."""
    if not is_decoded(line):
        raise CsvError(
            f"line {number}: not in {form.encoding.upper()}: it may be Windows-1252 (Latin-1), as "
            "spreadsheets save it: use --encoding windows-1252, or save the file as UTF-8"
        )


def delimiter_of(line: str) -> str:
    """Whether `,`, `;` or a tab separates the cells of a line."""
    return max(_DELIMITERS, key=_QUOTED.sub("", line).count)


def named_delimiter(line: str) -> str:
    """The delimiter that a first line `sep=;` names; empty for any other line."""
    found = _SEPARATOR.match(line)
    return found[1] if found else ""


class Continued(io.RawIOBase):
    """The octets that were read already, then the rest; the file itself is never closed."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read some octets."""
        octets = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(octets) :] if self._head else b""
        buffer[: len(octets)] = octets
        return len(octets)
