"""Messages count in the singular as well: "1 address", never "1 addresses"."""

import re
from pathlib import Path
from typing import Final

import pytest

from bouncegate.config.text import counted

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = (
    "config",
    "policy",
    "store",
    "daemon",
    "milter",
    "classifier",
    "admin",
    "cluster",
    "web",
    "cli",
)
_NOUNS: Final = (
    "address|bounce|lock|line|entr|row|message|recipient|day|hour|send|event|group|domain|second|"
    "minute|record|transaction|worker|slot|file|reader|session|connection|month|report|"
    "mailing|sender|term|difference|deliver|complaint|attempt|backup|rule|problem|expression"
)
# A number, a word at most between, and a noun in the plural; names in capitals are limits, which
# are larger than one.
_COUNTED: Final = re.compile(
    rf"(?:\{{(?![A-Z_]+[:}}])[^{{}}\"']+\}}|%d) (?:[a-z-]+ )?(?:{_NOUNS})(?:s|es|ies)\b"
)
# What is never one, or no number.
EXCEPTIONS: Final = (
    "is ambiguous: write",  # what an operator may mean
    'rows")',  # progress of what has many
    "room.lag:,} transactions old",  # many thousands
    "reader slots are in use",  # of a table of them
    "rate.days} days",  # windows of more than one
    "bounces: write one of",  # a kind of bounces
    "bounces blame the sender",  # [alarm] begins above one
    "transactions have freed pages",  # of a damaged file
    "values.keys()",
    "has not answered for",  # a minute
    "{n} days",  # yesterday and tomorrow are said before, and periods are of 7 and 30
    '"{n} ',  # of the page: the second of two forms, beside that for one
    "of {n} addresses",
    "about {n} addresses",
)


def test_number_with_its_noun() -> None:
    told = [counted(n, noun) for n in (0, 1, 2) for noun in ("address", "entry", "match", "day")]
    assert told == [
        "0 addresses", "0 entries", "0 matches", "0 days",
        "1 address", "1 entry", "1 match", "1 day",
        "2 addresses", "2 entries", "2 matches", "2 days",
    ]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_no_message_counts_in_the_plural_alone(part: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / part).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _COUNTED.search(line) and not any(one in line for one in EXCEPTIONS)
    ]
    assert found == []
