"""What an operator reads of the store, by the commands that show it."""

import csv
import io
import json
from typing import Any, Final

from tests.unit.cli.conftest import Command

UNKNOWN: Final = "550 5.1.1 no such user here"
FULL: Final = "452 4.2.2 mailbox full"


def rows(bouncegate: Command, *arguments: str) -> list[dict[str, Any]]:
    """The objects that a command writes as JSON."""
    done = bouncegate(*arguments, "--json")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def sheet(bouncegate: Command, *arguments: str) -> list[dict[str, str]]:
    """The rows that a command writes as CSV."""
    done = bouncegate(*arguments, "--csv")
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out, newline="")))


def shown(bouncegate: Command, address: str) -> dict[str, Any]:
    """What `show` tells of an address."""
    (found,) = rows(bouncegate, "show", address)
    return found


def listed(bouncegate: Command, *arguments: str) -> list[str]:
    """The addresses of a list."""
    return [row["address"] for row in rows(bouncegate, "list", *arguments)]
