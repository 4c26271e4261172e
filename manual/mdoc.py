"""Generates the part of mdoc(7) that the pages need, and escapes every character of our text."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

_DELIMITERS: Final = frozenset(".,:;()[]?!|")
_MACRO: Final = re.compile(r"[A-Z%][A-Za-z0-9]{1,2}")
_LINES: Final = textwrap.TextWrapper(78, break_on_hyphens=False, break_long_words=False)
_END_OF_SENTENCE: Final = re.compile(r"(?<=[.!?]) (?=[\"A-Z])")


def text(words: str) -> str:
    """A paragraph: each sentence starts a line, because roff then sets the space between them."""
    sentences = _END_OF_SENTENCE.split(" ".join(words.split()))
    return "".join(f"{line(part)}\n" for one in sentences for part in _LINES.wrap(one))


def line(words: str) -> str:
    """A line of text, of which no part is read as a request."""
    escaped = words.replace("\\", "\\e")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def argument(word: str) -> str:
    """One argument of a macro, escaped."""
    escaped = word.replace("\\", "\\e").replace('"', "\\(dq")
    if _MACRO.fullmatch(escaped) or escaped in _DELIMITERS:
        escaped = f"\\&{escaped}"
    return f'"{escaped}"' if " " in escaped or not escaped else escaped


def literal(lines: Iterable[str]) -> str:
    """Lines to be typed exactly like this."""
    body = "".join(f"{line(one)}\n" if one else "\n" for one in lines)
    return f".Bd -literal -offset indent\n{body}.Ed\n"


def tagged(items: Iterable[tuple[str, str]], width: str = "Ds") -> str:
    """A tagged list: each head is a macro already, and has a text."""
    list_items = "".join(f".It {head}\n{body}" for head, body in items)
    return f".Bl -tag -width {width}\n{list_items}.El\n" if list_items else ""


def paragraphs(blocks: Iterable[str]) -> Iterator[str]:
    """Texts with a space between them."""
    for number, block in enumerate(blocks):
        yield f".Pp\n{text(block)}" if number else text(block)
