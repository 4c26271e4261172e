"""What a form sends: fields, and files of at most the size of a body."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser, parse_options_header

from bouncegate.web.problem import Problem

MOST_FIELDS: Final = 2000
_MOST_PARTS: Final = 100
# All of a body is in memory already, and none of it is to be written to a disk.
_IN_MEMORY: Final = 2**21


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was chosen."""

    field: str
    name: str
    """What the browser calls it; a name to be shown, never a path."""
    content: bytes


@dataclass(frozen=True)
class Form:
    """The fields of a form; a name may come several times."""

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[Upload, ...] = ()

    def one(self, name: str, default: str = "") -> str:
        """The last value of a name."""
        return dict(self.fields).get(name, default)

    def all(self, name: str) -> list[str]:
        """Every value of a name, in order."""
        return [value for key, value in self.fields if key == name]

    def file(self, field: str) -> Upload | None:
        """The file of a field, if one was chosen."""
        found = [one for one in self.files if one.field == field and (one.name or one.content)]
        return found[-1] if found else None


def form_of(content_type: str, body: bytes) -> Form:
    """The form of a body; raises Problem if it cannot be read, or has too many parts."""
    kind, options = parse_options_header(content_type)
    try:
        if kind == "application/x-www-form-urlencoded":
            return Form(_pairs(body))
        if kind == "multipart/form-data":
            return _parts(options.get("boundary", ""), body)
    except (MultipartError, ValueError) as error:
        raise Problem("request", f"the form cannot be read: {error}") from None
    return Form()


def _pairs(body: bytes) -> tuple[tuple[str, str], ...]:
    text = body.decode("ascii")
    return tuple(
        parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    )


def _parts(boundary: str, body: bytes) -> Form:
    if not boundary:
        raise ValueError("no boundary")
    fields, files = list[tuple[str, str]](), list[Upload]()
    parser = MultipartParser(
        BytesIO(body),
        boundary,
        content_length=len(body),
        strict=True,
        part_limit=_MOST_PARTS,
        spool_limit=_IN_MEMORY,
        memory_limit=_IN_MEMORY,
        disk_limit=0,
    )
    for part in parser:
        if part.filename is None:
            fields.append((part.name, part.raw.decode()))
        else:
            files.append(Upload(part.name, part.filename, part.raw))
    return Form(tuple(fields), tuple(files))
