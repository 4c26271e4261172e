"""The commands that README and docs ask the reader to type, each with its place."""

import re
import textwrap
from collections.abc import Iterator
from typing import Final, NamedTuple

from lab.folder import ROOT

PAGES: Final = (
    "README.md",
    "classifier/README.md",
    *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
)
_HEADING: Final = re.compile(r"^#+ (.*)$")
_FENCE: Final = re.compile(r"^ *```(\w*)$")


class Block(NamedTuple):
    """A fenced block."""

    page: str
    heading: str
    """The heading above it."""
    number: int
    """The line of the page where it starts, counted from 1."""
    language: str
    text: str

    def commands(self) -> tuple[str, ...]:
        """Its commands, one line each, without comments."""
        joined = re.sub(r"\\\n *", "", self.text)
        bare = (re.sub(r"(^|\s+)#\s.*$", "", line).strip() for line in joined.splitlines())
        return tuple(line for line in bare if line)


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    heading, opened, language, lines = "", 0, "", list[str]()
    for number, line in enumerate((ROOT / page).read_text().splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened and fence:
            yield Block(
                page,
                heading,
                opened,
                language,
                textwrap.dedent("".join(f"{one}\n" for one in lines)),
            )
            opened = 0
        elif opened:
            lines.append(line)
        elif fence:
            opened, language, lines = number, fence[1], []
        elif found := _HEADING.match(line):
            heading = found[1]


def shell_blocks(page: str) -> tuple[Block, ...]:
    """The blocks of shell commands."""
    return tuple(block for block in blocks(page) if block.language == "sh")


def is_for_postfix(block: Block) -> bool:
    """Whether a block changes Postfix's settings: tests/postfix/test_pages.py runs these."""
    return any(command.startswith("postconf ") for command in block.commands())


def indented(page: str) -> Iterator[str]:
    """Code indented by four blanks: no test would run it, so there must be none."""
    fenced = False
    before = ""
    for line in (ROOT / page).read_text().splitlines():
        fenced ^= _FENCE.match(line) is not None
        if not fenced and line.startswith("    ") and not before.strip():
            yield line
        before = line


def inline(page: str) -> Iterator[str]:
    """The `bouncegate` commands that sentences name, in backquotes."""
    text = re.sub(
        r"^ *```.*?^ *```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL
    )
    for found in re.finditer(r"`([^`]+)`", text):
        words = " ".join(found[1].split())
        if words.startswith("bouncegate "):
            yield words
