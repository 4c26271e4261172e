"""What people read fits into 80 columns of a terminal; a pipe has a line a row, without colour."""

import re
import shutil
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
import typer
from tests.stores import open_store

from bouncegate.cli.main import app
from manual.commands import every_command

from . import everycommand
from .everycommand import ANN, CHANGING, SHOWING, words
from .terminals import ERROR, INPUT, OUTPUT, run

COLUMNS: Final = 80
COMMANDS: Final = dict(every_command(typer.main.get_command(app)))
# What is written as it is: CSV, JSON, a message, SQL, the diff of a file, names of files.
RAW: Final = ("export", "anonymize", "postfix enable", "postfix disable", "setup", "cluster")


def read_by_people(lines: str) -> list[str]:
    """Those of which no option asks for JSON or CSV."""
    return [
        line
        for line in lines.splitlines()
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


@pytest.mark.parametrize("line", [*read_by_people(SHOWING), "list --wide"])
@pytest.mark.parametrize("store", ["empty", "large"])
def test_output_fits_into_80_columns(request: pytest.FixtureRequest, store: str, line: str) -> None:
    folder: Path = request.getfixturevalue(store)
    seen = run(folder, *words(line, folder), terminals=(INPUT, OUTPUT, ERROR))
    assert too_long(seen.terminal) == []
    assert "Traceback" not in seen.terminal


@pytest.mark.parametrize("line", read_by_people(CHANGING))
def test_report_of_a_change_fits_into_80_columns(large: Path, line: str) -> None:
    with TemporaryDirectory() as short:  # the path of a file is not parted
        folder = Path(short) / "place"
        shutil.copytree(large, folder)
        everycommand.write_config(folder)
        seen = run(folder, *words(line, folder), terminals=(INPUT, OUTPUT, ERROR))
    assert seen.terminal
    assert too_long(seen.terminal) == []


@pytest.mark.parametrize("width", [40, 80])
def test_sentence_is_folded_at_blanks_alone(large: Path, width: int) -> None:
    word = "/nowhere/" + "a" * 100
    seen = run(large, "check", "--file", word, terminals=(ERROR,), columns=width)
    assert word in seen.terminal, "it is there to be copied"
    seen = run(large, *words("purge --all --dry-run", large), terminals=(OUTPUT,), columns=width)
    lines = seen.terminal.splitlines()
    assert max(map(len, lines)) <= width
    piped = run(large, *words("purge --all --dry-run", large)).out
    assert " ".join(seen.terminal.split()) == " ".join(piped.split())


def test_question_is_folded(large: Path) -> None:
    line = "import --locks FOLDER/locks.csv"
    seen = run(large, *words(line, large), terminals=(INPUT, OUTPUT), answer="n\n", columns=20)
    assert "Import 600 locks?\n[y/N]: " in seen.terminal


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
