"""Where the keys of a configuration are: file and line, for messages."""

import re
from collections import Counter
from typing import Final, NamedTuple

_HEADER: Final = re.compile(r"\s*\[\s*([A-Za-z0-9_.\- ]+?)\s*\]")
_TABLE_OF_LIST: Final = re.compile(r"\s*\[\[\s*([A-Za-z0-9_.\- ]+?)\s*\]\]")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_\-]+(?:\s*\.\s*[A-Za-z0-9_\-]+)*)\s*=")
_TOML_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int
    """Counted from 1; 0 where a file does not set the key."""

    def __str__(self) -> str:
        """In the form that editors and compilers share."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Places:
    """The places of the keys of several files; a later file replaces an earlier one's key."""

    def __init__(self, main: str) -> None:
        """`main` is the file of what no file sets."""
        self._main = main
        self._known: dict[str, Place] = {}

    def add(self, file: str, text: str) -> None:
        """Add the keys of a file."""
        lines = _lines_of_keys(text)
        for key in lines:
            if not key.endswith("."):
                self._forget_below(key)
        for key, line in lines.items():
            self._known[key.removesuffix(".")] = Place(file, line)

    def of(self, key: str) -> Place:
        """The place of a key, else of the section around it, else the main file without a line."""
        while key not in self._known and "." in key:
            key = key.rpartition(".")[0]
        return self._known.get(key, Place(self._main, 0))

    def _forget_below(self, key: str) -> None:
        """Forget the items of an earlier list: a list is replaced as a whole."""
        for below in [one for one in self._known if one.startswith(f"{key}.")]:
            del self._known[below]


def last_line(text: str, complaint: str) -> int:
    """The line that a complaint of tomllib names, else the last one."""
    found = _TOML_LINE.search(complaint)
    return int(found[1]) if found else text.count("\n") + 1


def _lines_of_keys(text: str) -> dict[str, int]:
    """The line of each key; approximate, used only in messages.

    A table has a dot at its end, since its keys are merged with those of an earlier file.
    """
    lines: dict[str, int] = {}
    section = ""
    tables: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if table := _TABLE_OF_LIST.match(line):
            name = table[1].replace(" ", "")
            tables[name] += 1
            section = f"{name}.{tables[name]}."
            lines.setdefault(name, number)
            lines.setdefault(section, number)
        elif header := _HEADER.match(line):
            section = header[1].replace(" ", "") + "."
            lines.setdefault(section, number)
        elif key := _KEY.match(line):
            lines.setdefault(section + key[1].replace(" ", ""), number)
    return lines
