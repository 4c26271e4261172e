"""Splits the octets of a message into header, parts and the returned message.

The parser tolerates the MIME errors of bounces: missing or wrong boundaries, parts without a type,
notices without MIME, any newline. It never raises, reads no more than
`bouncegate.classifier.limits` allows, and decodes a part only when its text is used.
"""

import re
from typing import Final

from bouncegate.classifier import limits
from bouncegate.classifier.charset import html_to_text, to_text, transfer_decoded
from bouncegate.classifier.fields import Fields, unfolded

# RFC 5322, 2.2: a name of printable characters without a colon. White space before the colon
# is obsolete (4.5) and occurs.
_FIELD: Final = re.compile(rb"[!-9;-~]{1,128}[ \t]*:")
_BOUNDARY: Final = re.compile(
    r"""boundary\s*=\s*(?:"([^"\n]{1,200})"|'([^'\n]{1,200})'|([^\s;"]{1,200}))""", re.IGNORECASE
)
_BEHIND_BOUNDARY: Final = frozenset({b"", b"\n", b" ", b"\t", b"-"})
_TYPE: Final = re.compile(rb"\ncontent-type[ \t]*:(.*(?:\n[ \t].*)*)", re.IGNORECASE)
_ENCODING: Final = re.compile(
    rb"\ncontent-transfer-encoding[ \t]*:(.*(?:\n[ \t].*)*)", re.IGNORECASE
)
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
# A body that has a boundary although its header declares none.
_BARE_MULTIPART: Final = re.compile(
    rb"\s{0,20}(?:[^\n]{0,200}mime[^\n]{0,200}\n\s{0,20}){0,3}--[^\n]{1,200}\ncontent-[a-z-]{4,30}:",
    re.IGNORECASE,
)
_LOST_BOUNDARY: Final = re.compile(
    rb"^--([^\n]{1,200})\n(?:content-[a-z-]{4,30}[ \t]*:)", re.IGNORECASE | re.MULTILINE
)


class Part:
    """A leaf of the message: a type, and content that is decoded on first use."""

    __slots__ = ("_header", "_octets", "_text", "body", "kind", "type_field")

    def __init__(
        self, header: bytes, body: bytes, type_field: str | None = None, kind: str = ""
    ) -> None:
        """A part with its header block; `type_field` and `kind` override its Content-Type."""
        self.body: Final = body
        self._header: Final = header
        self._octets: bytes | None = None
        self._text: str | None = None
        self.type_field: Final = _field(_TYPE, header) if type_field is None else type_field
        """The Content-Type with its parameters."""
        self.kind: Final = kind or _first_word(self.type_field).lower()
        """The media type in lower case, without parameters; `""` if there is none."""

    @property
    def octets(self) -> bytes:
        """The content without its transfer encoding, with LF as newline."""
        if self._octets is None:
            self._octets = self._decoded()
        return self._octets

    def _decoded(self) -> bytes:
        # Parts of a report rarely have an encoding.
        if b"encoding" not in self._header.lower():
            return self.body
        encoding = _field(_ENCODING, self._header).lower().strip(" ;\"'")
        if encoding not in {"quoted-printable", "base64"}:
            return self.body
        return with_lf(transfer_decoded(self.body[: 2 * limits.PROSE], encoding))

    @property
    def text(self) -> str:
        """The content as text; of HTML only its words."""
        if self._text is None:
            match = _CHARSET.search(self.type_field)
            text = to_text(self.octets[: limits.PROSE], match[1] if match else "")
            self._text = html_to_text(text) if self.kind == "text/html" else text
        return self._text


def _first_word(type_field: str) -> str:
    # Some systems omit the semicolon before the parameters.
    words = type_field.partition(";")[0].split(None, 1)
    return words[0] if words else ""


def _field(field: re.Pattern[bytes], header: bytes) -> str:
    match = field.search(b"\n" + header)
    return unfolded(to_text(match[1])) if match else ""


class Message:
    """A whole message: its own header fields and its leaves in order.

    Parts of a message that is returned are not among the leaves: a message/rfc822 part is
    one leaf.
    """

    __slots__ = ("author", "body", "fields", "parts", "root", "subject")

    def __init__(self, raw: bytes) -> None:
        """Cut up the octets of a message."""
        text = _without_envelope(with_lf(raw[: limits.MESSAGE]))
        header, self.body = split_header(text)
        self.fields: Final = Fields(to_text(header))
        self.root: Final = Part(header, self.body, self.fields.get("content-type"))
        self.parts: Final[list[Part]] = []
        self.subject: Final = self.fields.words("subject")
        """The decoded subject."""
        self.author: Final = self.fields.words("from").lower()
        """The decoded From field, in lower case."""
        _collect(self.root, self.parts, limits.DEPTH)


def with_lf(octets: bytes) -> bytes:
    """The octets with LF as the only newline, whichever they had (CRLF, LF or lone CR)."""
    if b"\r" not in octets:
        return octets
    octets = octets.replace(b"\r\n", b"\n")
    if b"\r" not in octets:
        return octets
    # A message with lone CRs has no LF in its header; a stray CR elsewhere is not a newline.
    return octets.replace(b"\r", b"\n" if b"\n" not in octets[:2000] else b"")


def _without_envelope(text: bytes) -> bytes:
    """The message without blank lines and the mbox separator in front."""
    text = text.lstrip()
    begin = 0
    # Removed at once, not line by line: a message may consist only of such lines.
    while text.startswith((b"From ", b">From "), begin):
        begin = text.find(b"\n", begin) + 1 or len(text)
    return text[begin:]


def split_header(text: bytes, begin: int = 0) -> tuple[bytes, bytes]:
    """Header block and body; a text that does not begin with a field is all body.

    `begin`: where the text begins.
    """
    if _FIELD.match(text, begin) is None:
        return b"", text[begin + 1 if text.startswith(b"\n", begin) else begin :]
    end = text.find(b"\n\n", begin, begin + limits.HEADER_BLOCK)
    if end < 0:
        return text[begin : begin + limits.HEADER_BLOCK], b""
    return text[begin:end], text[end + 2 :]


def _collect(part: Part, leaves: list[Part], depth: int) -> None:
    """Append the leaves below a part, in order."""
    if len(leaves) >= limits.PARTS:
        return
    cut = part.kind.startswith("multipart/") or (not part.kind and _BARE_MULTIPART.match(part.body))
    pieces = _pieces(part) if depth and cut else []
    if not pieces:
        leaves.append(part)
        return
    # The preamble is for readers without MIME, but some systems put their notice there.
    if pieces[0].strip():
        leaves.append(Part(b"", pieces[0], "", PREAMBLE))
    for piece in pieces[1:]:
        _collect(Part(*_piece_header(piece)), leaves, depth - 1)


PREAMBLE: Final = "text/x-preamble"


def _pieces(part: Part) -> list[bytes]:
    """The preamble and the body parts of a multipart, `[]` if it has no boundary anywhere."""
    body = b"\n" + part.body
    match = _BOUNDARY.search(part.type_field)
    boundary = (match[1] or match[2] or match[3]).encode("utf-8", "replace") if match else b""
    pieces = _split(body, boundary) if boundary else []
    if len(pieces) < 2:
        lost = _LOST_BOUNDARY.search(part.body)
        if lost is None:
            return []
        pieces = _split(body, lost[1].rstrip())
    # The text after the closing delimiter is an epilogue, unless more parts follow.
    return [pieces[0], *(p for p in pieces[1:] if not (p.startswith(b"--") and not p[2:].strip()))]


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    pieces = body.split(b"\n--" + boundary, limits.PARTS)
    if all(piece[:1] in _BEHIND_BOUNDARY for piece in pieces[1:]):
        return pieces
    # The boundary of an inner multipart begins with that of the outer one (RFC 2046, 5.1.2).
    whole = rb"\n--" + re.escape(boundary) + rb"(?=[\n \t-]|\Z)"
    return re.split(whole, body, maxsplit=limits.PARTS)


def _piece_header(piece: bytes) -> tuple[bytes, bytes]:
    """Header and body of a body part, which begins after its delimiter."""
    line_end = piece.find(b"\n")
    if line_end < 0:
        return b"", b""
    return split_header(piece, line_end + 1)
