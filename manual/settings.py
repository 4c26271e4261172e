"""The section SETTINGS, generated from the commented sample: tables, keys, defaults, notes."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from manual.mdoc import argument, literal, tagged, text

_TABLE: Final = re.compile(r"\[[a-z_.]+\]")
_ARRAY: Final = re.compile(r"# (\[\[[a-z_.]+\]\])")
_KEY: Final = re.compile(r"# ([a-z_]+) = (.+)")


class Key(NamedTuple):
    """A key, its comment, and its default as it is written."""

    name: str
    comment: str
    default: str


class Section(NamedTuple):
    """A table of the file."""

    head: str
    comment: str
    keys: list[Key]
    example: list[str]
    """Lines of a table that is only an example."""


def settings(sample: str) -> str:
    """One subsection a table of the sample."""
    return "".join(_subsection(section) for section in sections(sample))


def sections(sample: str) -> Iterator[Section]:
    """The tables of the sample, in its order."""
    for block in sample.split("\n\n"):
        lines = block.strip().splitlines()
        if _TABLE.fullmatch(lines[0]):
            yield Section(lines[0], "", list(_keys(lines[1:])), [])
        elif arrays := [number for number, line in enumerate(lines) if _ARRAY.fullmatch(line)]:
            head = lines[arrays[0]].removeprefix("# ")
            comment = " ".join(_comment(line) for line in lines[: arrays[0]])
            yield Section(head, comment, [], [_comment(line) for line in lines[arrays[0] :]])


def _keys(lines: list[str]) -> Iterator[Key]:
    comment: list[str] = []
    for line in lines:
        if key := _KEY.fullmatch(line):
            yield Key(key[1], " ".join(comment), key[2])
            comment = []
        else:
            comment.append(_comment(line))


def _comment(line: str) -> str:
    return line.removeprefix("#").removeprefix(" ")


def _subsection(section: Section) -> str:
    body = text(section.comment) if section.comment else ""
    body += literal(section.example) if section.example else ""
    items = (
        (f"Ic {argument(key.name)} = Ar {argument(key.default)}", text(key.comment))
        for key in section.keys
    )
    return f".Ss {argument(section.head)}\n{body}{tagged(items)}"
