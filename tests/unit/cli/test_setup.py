"""`setup` as it is called: what it refuses, and what it shows all the same."""

from pathlib import Path

import pytest

from bouncegate.admin.setup import plan

from . import everycommand
from .conftest import Command


@pytest.fixture
def postfix(tmp_path: Path) -> str:
    """The folder of a Postfix's settings."""
    folder = tmp_path / "place"
    folder.mkdir()
    everycommand.make_place(folder, many=1)
    return str(folder / "postfix")


def test_purge_without_remove_is_a_mistake(bouncegate: Command, postfix: str) -> None:
    done = bouncegate("setup", "--purge", "--check", "-c", postfix)
    assert done.code == 2  # as the command answers every option that is wrong
    assert "--purge needs --remove" in done.err


@pytest.mark.parametrize("problem", ["", "the daemons cannot see it"])
def test_check_shows_the_steps_and_what_stands_in_the_way(
    bouncegate: Command, postfix: str, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setattr(plan, "obstacle", lambda _machine: problem)
    done = bouncegate("setup", "--check", "-c", postfix)
    assert "create the user bouncegate\n" in done.out or "bouncegate.conf\n" in done.out
    assert (done.code, problem in done.err) == (69 if problem else 2, True)
    assert bool(done.err) == bool(problem)
    if problem:
        done = bouncegate("setup", "--yes", "-c", postfix)
        assert (done.code, done.out) == (69, "")
