"""Decodes octets to text: transfer encodings and charsets, also misspelt or wrong ones.

Nothing here raises: text that cannot be decoded as declared is decoded by a guess at its charset.
"""

import binascii
import codecs
import html
import quopri
import re
import string
from functools import lru_cache
from typing import Final

# ISO 2022 switches charsets by escape sequences (RFC 1468), regardless of the label.
_ISO_2022: Final = re.compile(rb"\x1b[$(][@-Z]")
_ISO_2022_KR: Final = b"\x1b$)C"

# Labels that occur in real mail and that Python's codecs do not know, or define more narrowly than
# they are used: supersets as in the WHATWG Encoding Standard.
_ALIASES: Final = {
    "iso-2022-jp": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "ansi": "cp1252",
    "x-mac-roman": "mac_roman",
    "iso-8859-8-i": "iso8859_8",
    "unicode-1-1-utf-7": "utf_7",
}

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_WORD: Final = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]{0,1000})\?=")
_BETWEEN_WORDS: Final = re.compile(r"\?=\s{1,100}=\?")
# Eight header lines of the greatest length (RFC 5322, 2.1.1).
_LONGEST_WORDS: Final = 8 * 998
_TAG_BREAK: Final = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table|/?ul|/?ol|/?pre|hr)\b[^<>]{0,512}>", re.IGNORECASE
)
_CELL: Final = re.compile(r"</?t[dh]\b[^<>]{0,512}>", re.IGNORECASE)
_UNSEEN: Final = re.compile(r"<(style|script|head)\b", re.IGNORECASE)
# Real notices have one HTML head and a few style sheets.
_UNSEEN_BLOCKS: Final = 50
# Keeps the position of each character, unlike str.lower().
_ASCII_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# A tag opens with a letter: <someone@example.com> is an address, not a tag.
_TAG: Final = re.compile(
    r"<(?:[a-z][a-z0-9]{0,20}(?:\s[^<>]{0,2048})?/?|/[a-z][^<>]{0,64}|![^<>]{0,2048})>",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def _codec(label: str) -> str:
    """The name of a Python codec for a charset label, `""` if there is none."""
    name = label.strip().strip("\"'").lower()
    try:
        info = codecs.lookup(_ALIASES.get(name, name))
        # Codecs such as rot13, zlib or idna are none for mail (and `unescape`s could be costly).
        b"x".decode(info.name)
    except (LookupError, UnicodeError, ValueError, TypeError):
        return ""
    return (
        ""
        if info.name in {"idna", "punycode", "unicode_escape", "raw_unicode_escape"}
        else info.name
    )


def to_text(octets: bytes, label: str = "") -> str:
    """Decode octets in the named charset, or in the one that they appear to use."""
    if octets.isascii() and b"\x1b" not in octets:
        codec = _codec(label) if label[:3].lower() in {"utf", "uni"} and "8" not in label else ""
        return sound(octets.decode(codec or "ascii", "replace"))
    if _ISO_2022.search(octets):
        codec = "iso2022_kr" if _ISO_2022_KR in octets else "iso2022_jp_ext"
        return octets.decode(codec, "replace")
    try:
        # Text in another charset is rarely valid UTF-8 by chance.
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        pass
    codec = _codec(label) or "cp1252"
    try:
        return sound(octets.decode(codec))
    except (UnicodeError, ValueError):
        return sound(octets.decode("cp1252" if codec in {"ascii", "utf-8"} else codec, "replace"))


def sound(text: str) -> str:
    """The text without lone surrogates, which UTF-7 and JSON can spell: they are no text."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def transfer_decoded(octets: bytes, encoding: str) -> bytes:
    """Octets without their Content-Transfer-Encoding (RFC 2045, 6); unchanged if it is wrong."""
    if encoding == "quoted-printable":
        return quopri.decodestring(octets)
    if encoding == "base64":
        return _base64(octets)
    return octets


def _base64(octets: bytes) -> bytes:
    # A footer that a gateway appends ends the encoded text.
    body = octets.split(b"\n\n", 1)[0] if b"\n\n" in octets.strip() else octets
    body = b"".join(octets.strip().split(b"\n\n", 1)[0].split()) or body
    try:
        return binascii.a2b_base64(body + b"=" * (-len(body) % 4))
    except binascii.Error:
        return octets


def decoded_words(text: str) -> str:
    """Text with its encoded words decoded (RFC 2047); an invalid one stays unchanged."""
    # White space between two encoded words is not part of the text (6.2).
    return _WORD.sub(_decoded_word, _BETWEEN_WORDS.sub("?==?", text[:_LONGEST_WORDS]))


def _decoded_word(match: re.Match[str]) -> str:
    label, encoding, payload = match.groups()
    try:
        if encoding in "bB":
            octets = binascii.a2b_base64(payload + "=" * (-len(payload) % 4))
        else:
            octets = quopri.decodestring(payload.replace("_", " "), header=True)
    except (binascii.Error, ValueError):
        return match[0]
    return to_text(octets, label)


def html_to_text(text: str) -> str:
    """The text of an HTML document, each block on its own lines."""
    text = _CELL.sub(" ", _TAG_BREAK.sub("\n", _seen(text)))
    return html.unescape(_TAG.sub("", text)).replace("\xa0", " ")


def _seen(text: str) -> str:
    """HTML without its invisible parts: style sheets, scripts and the head."""
    lowered = text.translate(_ASCII_LOWER)
    pieces: list[str] = []
    begin = 0
    while match := _UNSEEN.search(text, begin):
        pieces.append(text[begin : match.start()])
        closing = f"</{match[1].lower()}"
        end = lowered.find(closing, match.end()) if len(pieces) < _UNSEEN_BLOCKS else -1
        if end < 0:
            return "".join(pieces)
        begin = end + len(match[1]) + 3
    return "".join([*pieces, text[begin:]])
