"""A message as octets from the wire, cut into header, parts and the message that it returns.

Made for bounces, which break every rule of MIME: boundaries that are missing or wrong, parts
without a type, notices without MIME at all, any newline. It never raises, reads no more than
`bouncegate.classifier.limits` allows, and decodes a part only when somebody asks for its text.
"""

import email.header
import re
from email.errors import HeaderParseError
from functools import cached_property
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.charset import html_to_text, to_text, transfer_decoded

# RFC 5322, 2.2: a name of printable characters without a colon. White space before the colon
# is obsolete (4.5) and occurs. A line that is folded goes on with white space.
_FIELD: Final = re.compile(rb"^([!-9;-~]{1,128})[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_FOLD: Final = re.compile(r"\s*\n\s*")
_BOUNDARY: Final = re.compile(
    r"""boundary\s*=\s*(?:"([^"\n]{1,200})"|'([^'\n]{1,200})'|([^\s;"]{1,200}))""", re.IGNORECASE
)
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
_LOST_BOUNDARY: Final = re.compile(
    rb"^--([^\n]{1,200})\n(?:content-[a-z-]{4,30}[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_ENCODED_WORD: Final = "=?"


class Fields:
    """A header block, or a block of fields of a status part; the first of a name counts."""

    __slots__ = ("_values", "names")

    def __init__(self, block: bytes) -> None:
        """Find the fields of the block; lines that are none are passed over."""
        found = _FIELD.findall(block)
        self.names: Final = [name.lower() for name, _ in found]
        self._values: Final = dict(
            zip(reversed(self.names), (v for _, v in reversed(found)), strict=True)
        )

    def __contains__(self, name: bytes) -> bool:
        """Whether there is a field of that lower-case name."""
        return name in self._values

    def __bool__(self) -> bool:
        """Whether there is any field."""
        return bool(self._values)

    def raw(self, name: bytes) -> bytes:
        """The octets of a field as they stand, `b""` without one."""
        return self._values.get(name, b"")

    def get(self, name: bytes) -> str:
        """The unfolded text of a field, `""` without one."""
        value = self._values.get(name)
        if value is None:
            return ""
        text = to_text(value)
        return (_FOLD.sub(" ", text) if "\n" in text else text).strip()

    def words(self, name: bytes) -> str:
        """The unfolded text of a field with its encoded words decoded (RFC 2047)."""
        text = self.get(name)
        return _decode_words(text) if _ENCODED_WORD in text else text


def _decode_words(text: str) -> str:
    try:
        chunks = email.header.decode_header(text[: 4 * limits.VALUE])
    except (HeaderParseError, ValueError, IndexError):
        return text
    return "".join(c if isinstance(c, str) else to_text(c, label or "") for c, label in chunks)


class Part:
    """A leaf of the message: a type, and content that is decoded when it is asked for."""

    __slots__ = ("__dict__", "body", "fields", "kind", "type_field")

    def __init__(self, fields: Fields, body: bytes) -> None:
        """A part with its own header fields."""
        self.fields: Final = fields
        self.body: Final = body
        self.type_field: Final = fields.get(b"content-type")
        self.kind: Final = self.type_field.partition(";")[0].strip().lower()

    @cached_property
    def octets(self) -> bytes:
        """The content without its transfer encoding, with LF as newline."""
        encoding = self.fields.get(b"content-transfer-encoding").lower().strip(" ;\"'")
        if encoding not in {"quoted-printable", "base64"}:
            return self.body
        return with_lf(transfer_decoded(self.body[: 2 * limits.PROSE], encoding))

    @cached_property
    def text(self) -> str:
        """The content as text; of HTML only its words."""
        match = _CHARSET.search(self.type_field)
        text = to_text(self.octets[: limits.PROSE], match[1] if match else "")
        if self.kind == "text/html":
            return html_to_text(text)
        return text


class Message:
    """A whole message: its own header fields and its leaves in order.

    Parts of a message that is returned are not among the leaves: a message/rfc822 part is
    one leaf.
    """

    __slots__ = ("__dict__", "body", "fields", "parts", "root")

    def __init__(self, raw: bytes) -> None:
        """Cut up the octets of a message."""
        text = _without_envelope(with_lf(raw[: limits.MESSAGE]))
        header, self.body = split_header(text)
        self.fields: Final = Fields(header)
        self.root: Final = Part(self.fields, self.body)
        self.parts: Final[list[Part]] = []
        _collect(self.root, self.parts, limits.DEPTH)

    @cached_property
    def subject(self) -> str:
        """The decoded subject."""
        return self.fields.words(b"subject")

    @cached_property
    def author(self) -> str:
        """The decoded From field, in lower case."""
        return self.fields.words(b"from").lower()


def with_lf(octets: bytes) -> bytes:
    """The octets with LF as the only newline, whichever they had (CRLF, LF or lone CR)."""
    if b"\r" not in octets:
        return octets
    octets = octets.replace(b"\r\n", b"\n")
    if b"\r" not in octets:
        return octets
    # A message of lone CRs has no LF in its header; a stray CR elsewhere is no newline.
    return octets.replace(b"\r", b"\n" if b"\n" not in octets[:2000] else b"")


def _without_envelope(text: bytes) -> bytes:
    """The message without blank lines and the mbox separator in front."""
    text = text.lstrip(b"\n")
    while text[:5] == b"From " or text[:6] == b">From ":
        text = text[text.find(b"\n") + 1 :] if b"\n" in text else b""
    return text


def split_header(text: bytes) -> tuple[bytes, bytes]:
    """Header block and body; a text that begins with no field is all body."""
    if _FIELD.match(text) is None:
        return b"", text.removeprefix(b"\n")
    end = text.find(b"\n\n", 0, limits.HEADER_BLOCK)
    if end < 0:
        return text[: limits.HEADER_BLOCK], b""
    return text[:end], text[end + 2 :]


def _collect(part: Part, leaves: list[Part], depth: int) -> None:
    """Append the leaves below a part, in order."""
    if len(leaves) >= limits.PARTS:
        return
    pieces = _pieces(part) if part.kind.startswith("multipart/") and depth else []
    if not pieces:
        leaves.append(part)
        return
    for n, piece in enumerate(pieces):
        if n == 0:
            # The preamble is for readers without MIME, but some put their notice there.
            if piece.strip():
                leaves.append(Part(Fields(b"content-type: text/x-preamble"), piece))
            continue
        header, body = _piece_header(piece)
        _collect(Part(Fields(header), body), leaves, depth - 1)


def _pieces(part: Part) -> list[bytes]:
    """The preamble and the body parts of a multipart, `[]` if it has no boundary anywhere."""
    body = b"\n" + part.body
    match = _BOUNDARY.search(part.type_field)
    boundary = (match[1] or match[2] or match[3]).encode("utf-8", "replace") if match else b""
    if not boundary or b"\n--" + boundary not in body:
        lost = _LOST_BOUNDARY.search(part.body)
        if lost is None:
            return []
        boundary = lost[1].rstrip()
    # What stands behind the closing delimiter is an epilogue, unless parts go on there.
    pieces = body.split(b"\n--" + boundary, limits.PARTS)
    return [pieces[0], *(p for p in pieces[1:] if not (p.startswith(b"--") and not p[2:].strip()))]


def _piece_header(piece: bytes) -> tuple[bytes, bytes]:
    """Header and body of a body part, which begins behind its delimiter."""
    line_end = piece.find(b"\n")
    if line_end < 0:
        return b"", b""
    rest = piece[line_end + 1 :]
    if rest[:1] == b"\n":
        return b"", rest[1:]
    return split_header(rest)
