"""What a command writes arrives, whatever else is a terminal, and whoever reads it."""

import os
import re
import shutil
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
import typer

from bouncegate.cli.main import app
from manual.commands import every_command

from . import everycommand
from .everycommand import ANN, CHANGING, DAEMONS, OF_MACHINES, SHOWING, words
from .terminals import CLOSED, ERROR, INPUT, OUTPUT, UNREAD, Seen, run

EVERY: Final = (*SHOWING.splitlines(), *CHANGING.splitlines())
COMBINATIONS: Final = [
    some for number in (1, 2, 3) for some in combinations((INPUT, OUTPUT, ERROR), number)
]
SIGPIPE: Final = 141
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Tokens and passwords that are drawn by chance.
_DRAWN: Final = re.compile(r"bg_\w{8}_[\w-]{43}|token \w{8}|(?:[a-z2-9]{6}-){3}[a-z2-9]{6}")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    everycommand.make_place(folder)
    return folder


@pytest.fixture
def place(filled: Path, tmp_path: Path) -> Path:
    """A copy of the store and the rest, to be changed."""
    return fresh(filled, tmp_path / "place")


def fresh(filled: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(filled, folder)
    everycommand.write_config(folder)
    return folder


def plain(text: str) -> list[str]:
    """Its lines, without numbers and blanks: they differ between two calls, as does their order."""
    lines = _DRAWN.sub("drawn", _ESCAPES.sub("", text)).splitlines()
    return sorted(re.sub(r"\d+|\s+", "", line) for line in lines)


@cache
def expected_of(folder: Path, line: str) -> Seen:
    """What a call shows without any terminal."""
    return run(folder, *words(line, folder))


def test_table_has_every_command() -> None:
    commands = {path for path, _ in every_command(typer.main.get_command(app))}
    commands -= DAEMONS | OF_MACHINES
    called = {path for path in commands for line in EVERY if f"{line} ".startswith(f"{path} ")}
    assert called == commands


@pytest.mark.parametrize("line", SHOWING.splitlines())
def test_output_is_the_same_whatever_is_a_terminal(filled: Path, line: str) -> None:
    expected = expected_of(filled, line)
    assert expected.out, expected.err
    for terminals in COMBINATIONS:
        seen = run(filled, *words(line, filled), terminals=terminals)
        _assert_arrives(seen, expected, terminals)


@pytest.mark.parametrize("line", CHANGING.splitlines())
def test_change_is_made_and_told_whatever_is_a_terminal(
    filled: Path, tmp_path: Path, line: str
) -> None:
    folder = tmp_path / "place"
    expected = run(fresh(filled, folder), *words(line, folder))
    assert expected.out, expected.err
    for terminals in ((ERROR,), (INPUT, ERROR), (INPUT, OUTPUT, ERROR)):
        seen = run(fresh(filled, folder), *words(line, folder), terminals=terminals)
        _assert_arrives(seen, expected, terminals)


def _assert_arrives(seen: Seen, expected: Seen, terminals: tuple[int, ...]) -> None:
    assert seen.code == expected.code, terminals
    for number, found, known in (
        (OUTPUT, seen.out, expected.out),
        (ERROR, seen.err, expected.err),
    ):
        assert "\x1b" not in found, terminals
        if number in terminals:
            assert found == ""
            assert not known or seen.terminal, terminals
        else:
            assert plain(found) == plain(known), terminals


@pytest.mark.parametrize("line", SHOWING.splitlines())
def test_command_ends_silently_when_nobody_reads_on(filled: Path, line: str) -> None:
    read = expected_of(filled, line)
    unread = run(filled, *words(line, filled), instead={OUTPUT: UNREAD})
    assert unread.code == SIGPIPE
    assert set(plain(unread.err)) <= set(plain(read.err))


@pytest.mark.parametrize("line", CHANGING.splitlines())
def test_change_is_finished_when_nobody_reads_on(filled: Path, tmp_path: Path, line: str) -> None:
    folder = tmp_path / "place"
    read = run(fresh(filled, folder), *words(line, folder))
    unread = run(fresh(filled, folder), *words(line, folder), instead={OUTPUT: UNREAD})
    assert (unread.code, plain(unread.err)) == (read.code, plain(read.err))


def test_all_is_unlocked_when_nobody_reads_on(place: Path) -> None:
    line = "unlock --all --force --yes"
    assert run(place, *words(line, place), instead={OUTPUT: UNREAD, ERROR: UNREAD}).code == 0
    assert run(place, "list").out.count("@") == 0


@pytest.mark.parametrize("line", ["--help", "list --help", "--version", "list"])
def test_full_disk_is_an_error(filled: Path, line: str) -> None:
    seen = run(filled, *line.split(), instead={OUTPUT: Path("/dev/full")})
    assert seen.code == os.EX_IOERR
    assert seen.err == "bouncegate: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("line", ["--help", "list --help", "--version"])
def test_help_ends_silently_when_nobody_reads_on(filled: Path, line: str) -> None:
    seen = run(filled, *line.split(), instead={OUTPUT: UNREAD})
    assert (seen.code, seen.err) == (SIGPIPE, "")


@pytest.mark.parametrize("line", EVERY)
def test_command_works_with_closed_descriptors(filled: Path, place: Path, line: str) -> None:
    """As a program starts it that closes all its descriptors; the store's files take none."""
    closed = dict.fromkeys((INPUT, OUTPUT, ERROR), CLOSED)
    if line in SHOWING.splitlines():
        seen = run(filled, *words(line, filled), instead=closed)
        assert seen.code == expected_of(filled, line).code
    else:
        seen = run(place, *words(line, place), instead=closed)
        assert seen.code == run(fresh(filled, place), *words(line, place)).code


def test_text_that_the_encoding_does_not_have_is_escaped(filled: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii"}
    seen = run(filled, "show", "b\u00fccher@example.com", environment=environment)
    assert seen.code == 0, seen.err


def test_question_is_asked_at_the_terminal_that_answers_it(place: Path) -> None:
    seen = run(place, "unlock", ANN, "--force", terminals=(INPUT,), answer="y\n")
    assert "Unlock 1 address? [y/N]: " in seen.terminal
    assert "[y/N]" not in seen.out + seen.err
    assert seen.out.splitlines()[-1] == f"{ANN}: unlocked"


@pytest.mark.parametrize("answer", ["n\n", "\n", "maybe\nno\n", "\x04"])
def test_question_that_is_not_answered_by_yes_changes_nothing(place: Path, answer: str) -> None:
    seen = run(place, "unlock", ANN, "--force", terminals=(INPUT, ERROR), answer=answer)
    assert seen.code == 1
    assert "nothing was unlocked" in seen.terminal
    assert ANN in run(place, "list").out
