"""The shape of a reply: its words, without what differs from one bounce to the next.

Replies that differ only in addresses, hosts, numbers and ids have one shape, so that they can be
counted together, and shown to others without naming anybody.
"""

import re
from collections.abc import Iterable
from typing import Final

from bouncegate.classifier.patternwords import WORDS_OF_READERS
from bouncegate.classifier.reply import searchable

LONGEST: Final = 300
# Of a diagnostic no more is looked at: the words that tell the reason come first.
_LOOKED_AT: Final = 1000
# A shorter name is a word of its own too often.
_SHORTEST_NAME: Final = 3

_REMOVED: Final = (
    ("<url>", re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+")),
    ("<id>", re.compile(r"(?<![\w:.])\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?(?![\w:.])")),
    ("<ip>", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]\w)")),
    ("<ip>", re.compile(r"(?<![\w:.])(?=\S{0,40}:\S{0,40}:)[0-9a-f:]{3,39}[\d.]{0,15}(?![\w:])")),
    ("<host>", re.compile(r"(?<![\w.-])(?:[\w-]{1,63}\.){1,10}[a-z][\w-]{1,62}(?![\w-])")),
)
# Reply codes and enhanced status codes say something.
_CODE: Final = re.compile(
    r"(?<![\w.-])(?:[245][0-5]\d(?:[ -]#?[245]\.\d{1,3}\.\d{1,3})?|[245]\.\d{1,3}\.\d{1,3})"
    r"(?!\w|[.-]\d)"
)
_ID: Final = re.compile(r"(?<![\w<])(?=[\w.=+-]{0,200}\d)[\w=+-]+(?:\.[\w=+-]+)*(?![\w>])")
_QUOTES: Final = re.compile(r"['\"`]?<(?:<(\w*)>|(\w*))>['\"`]?")
_REPEATED: Final = re.compile(r"(<\w*>)(?:[\s,;:/\[\]()-]{0,4}\1)+")


def shape_of(diagnostic: str, names: Iterable[str] = ()) -> str:
    """The words of a reply in lower case, with `<>`, `<host>`, `<ip>`, `<url>` and `<id>` in place.

    `names`: addresses of the bounce, whose local parts may be named alone.
    """
    text = searchable(diagnostic[:_LOOKED_AT])
    for name in names:
        text = _without_name(text, name.rpartition("@")[0].lower())
    for mark, pattern in _REMOVED:
        text = pattern.sub(mark, text)
    text = _QUOTES.sub(lambda match: f"<{match[1] or match[2] or ''}>", _without_ids(text))
    return _REPEATED.sub(r"\1", text)[:LONGEST].rstrip()


def _without_name(text: str, local: str) -> str:
    if len(local) < _SHORTEST_NAME or local in WORDS_OF_READERS or local not in text:
        return text
    return re.sub(rf"(?<!\w){re.escape(local)}(?!\w)", "<>", text)


def _without_ids(text: str) -> str:
    """The text without ids and numbers, but for codes."""
    parts: list[str] = []
    end = 0
    for code in _CODE.finditer(text):
        parts += [_ID.sub("<id>", text[end : code.start()]), code[0]]
        end = code.end()
    return "".join((*parts, _ID.sub("<id>", text[end:])))
