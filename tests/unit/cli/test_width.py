"""Tables and help fit into 80 columns of a terminal; a pipe has one line a row, without colour."""

import re
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
import typer
from tests.stores import open_store

from bouncegate.cli.main import app
from manual.commands import every_command

from . import everycommand
from .everycommand import ANN, SHOWING, words
from .terminals import ERROR, INPUT, OUTPUT, run

COLUMNS: Final = 80
COMMANDS: Final = dict(every_command(typer.main.get_command(app)))
# What is written as it is: JSON, CSV, a message, the diff of a file, sentences for the operator.
RAW: Final = (
    "export", "anonymize", "check-config", "postfix", "map status", "simulate", "undo", "import",
    "purge",
)  # fmt: skip
TABLES: Final = [
    line
    for line in (*SHOWING.splitlines(), "list --wide")
    if "--json" not in line and "--csv" not in line and not line.startswith(RAW)
]
ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with bounces of many addresses, one of them long."""
    folder = tmp_path_factory.mktemp("large")
    everycommand.make_place(folder)
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a store in which nothing has happened."""
    folder = tmp_path_factory.mktemp("empty")
    everycommand.make_place(folder, many=0)
    for path in (folder / "store").glob("*.mdb"):
        path.unlink()
    with closing(open_store(folder / "store")):
        return folder


def too_long(text: str) -> list[str]:
    return [one for one in ESCAPES.sub("", text).splitlines() if len(one) > COLUMNS]


@pytest.mark.parametrize("line", TABLES)
@pytest.mark.parametrize("store", ["empty", "large"])
def test_table_fits_into_80_columns(request: pytest.FixtureRequest, store: str, line: str) -> None:
    folder: Path = request.getfixturevalue(store)
    seen = run(folder, *words(line, folder), terminals=(INPUT, OUTPUT))
    assert too_long(seen.terminal) == []
    assert "Traceback" not in seen.err


@pytest.mark.parametrize("path", ["", *COMMANDS])
def test_help_fits_into_80_columns(large: Path, path: str) -> None:
    seen = run(large, *path.split(), "--help", terminals=(OUTPUT,))
    examples = {one.strip() for one in (COMMANDS[path].help or "").splitlines()} if path else set()
    assert [one for one in too_long(seen.terminal) if one.strip() not in examples] == []
    assert "user-unknown|" not in seen.terminal, "all reasons, which `bouncegate reasons` lists"


def test_list_shows_all_columns_in_a_pipe_or_if_asked(large: Path) -> None:
    assert run(large, "list").out.split()[:4] == ["address", "state", "kind", "category"]
    narrow = run(large, "list", terminals=(OUTPUT,), columns=COLUMNS).terminal
    assert narrow.splitlines()[0].split() == ["address", "kind", "reason", "until"]
    wide = run(large, "list", "--wide", terminals=(OUTPUT,), columns=300).terminal
    assert wide.split()[:4] == ["address", "state", "kind", "category"]


def test_row_that_does_not_fit_is_a_block(large: Path) -> None:
    """The rows of `explain` have ten columns."""
    seen = run(large, "explain", ANN, terminals=(OUTPUT,))
    assert re.search(r"^what +bounce$", seen.terminal, re.MULTILINE)
    assert re.search(
        r"^reason +user-unknown|^reason +mailbox-disabled", seen.terminal, re.MULTILINE
    )


def test_colour_is_for_a_terminal_that_wants_it(large: Path) -> None:
    painted = run(large, "doctor", terminals=(OUTPUT,)).terminal
    assert "\x1b[31merror\x1b[0m" in painted
    shown = run(large, "show", ANN, terminals=(OUTPUT,)).terminal
    assert shown.count("\x1b[31m") == 1, "the state, not the field of that name"
    for terminals, environment in (
        ((OUTPUT,), {"NO_COLOR": "1"}),
        ((OUTPUT,), {"TERM": "dumb"}),
        ((ERROR,), {}),
        ((ERROR,), {"FORCE_COLOR": "1"}),
    ):
        seen = run(large, "doctor", terminals=terminals, environment=environment)
        assert "\x1b" not in seen.out + seen.terminal, environment
