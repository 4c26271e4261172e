"""All results of a lookup table, from its text (DATABASE_README).

For an indexed table that is the file from which postmap(1) made it. Tables without a text, such as
ldap: or mysql:, do not show their results without the keys.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from bouncegate.admin.postfix.sockets import items
from bouncegate.config.regularfile import read_regular

# Octets of a table: some hundred thousand entries.
_LARGEST_TABLE: Final = 1 << 24
_PROXY: Final = "proxy:"
# postmap(1): white space in a key is in double quotes. cidr_table(5): `!` negates a pattern.
_KEYED: Final = re.compile(r'!?\s*(?:"(?:[^"\\]|\\.)*"|[^\s"])+\s+(?P<result>.*)', re.DOTALL)
# regexp_table(5), pcre_table(5): whatever character comes first ends the pattern.
_PATTERN: Final = re.compile(
    r"!?\s*(?P<end>[^\w\s\\])(?:\\.|(?!(?P=end)).)*(?P=end)\w*\s+(?P<result>.*)", re.DOTALL
)
_PAIR: Final = re.compile(r"\{?[^={}]+=\s*(?P<result>[^{}]*)\}?")

Results = tuple[str, ...]


def is_table(word: str) -> bool:
    """Whether a word of a parameter names a lookup table: `type:name`."""
    return re.match(r"[a-z]+:.", word) is not None


def results(table: str, folder: Path) -> Results | None:
    """Each result of a table; None if they cannot be read.

    Relative names are below `folder`, that of the queue.
    """
    kind, _, name = table.removeprefix(_PROXY).partition(":")
    if kind in _TEXTS:
        return _of_file(folder / name, _TEXTS[kind])
    if kind in _IN_PLACE:
        return _IN_PLACE[kind](name)
    if kind in _CONTAINERS:
        inner = [results(one, folder) for one in items(name[1:-1]) or [""]]
        return None if None in inner else tuple(one for found in inner for one in found or ())
    return None


def _of_file(path: Path, form: re.Pattern[str]) -> Results | None:
    try:
        text = read_regular(path, _LARGEST_TABLE).decode("utf-8", "replace")
    except OSError:
        return None
    found = (form.fullmatch(line) for line in _logical_lines(text))
    return tuple(match["result"].strip() for match in found if match)


def _logical_lines(text: str) -> Iterator[str]:
    """Lines joined with their continuation lines, which begin with white space (postmap(1))."""
    line = ""
    for physical in text.split("\n"):
        if not physical.strip() or physical.lstrip().startswith("#"):
            continue
        if physical[0].isspace() and line:
            line += physical
            continue
        yield from _nonempty(line)
        line = physical
    yield from _nonempty(line)


def _nonempty(line: str) -> Iterable[str]:
    return (line,) if line else ()


def _static(name: str) -> Results:
    return (name.removeprefix("{").removesuffix("}").strip(),)


def _inline(name: str) -> Results | None:
    pairs = items(name[1:-1])
    found = [_PAIR.fullmatch(pair) for pair in pairs or ()]
    return None if pairs is None else tuple(one["result"].strip() for one in found if one)


_TEXTS: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(("hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "cidr"), _KEYED),
    **dict.fromkeys(("regexp", "pcre"), _PATTERN),
}
_IN_PLACE: Final[Mapping[str, Callable[[str], Results | None]]] = {
    "static": _static,
    "inline": _inline,
}
_CONTAINERS: Final = ("unionmap", "pipemap", "randmap")
