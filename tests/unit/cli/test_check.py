"""`check`: a script must be able to stop a mailing whose list has gone bad."""

import csv
import io
import json
from pathlib import Path

import pytest

from .conftest import Command


@pytest.fixture
def subscribers(bouncegate: Command, tmp_path: Path) -> Path:
    """A list with a locked address, an invalid one, a typing error and a good one."""
    bouncegate("lock", "gone@kernel.org", "--until", "2099-01-01")
    file = tmp_path / "subscribers.txt"
    file.write_text("Ann <ann@kernel.org>\ngone@kernel.org\nann@gmial.com\nann@localhost\n")
    return file


def test_a_list_is_judged_line_by_line(bouncegate: Command, subscribers: Path) -> None:
    done = bouncegate("check", "--json", str(subscribers))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(f["line"], f["verdict"], f["mailable"]) for f in found] == [
        (1, "good", True),
        (2, "locked", False),
        (3, "typo", True),
        (4, "invalid", False),
    ]
    assert found[1]["until"] == "2099-01-01T00:00:00Z"
    assert found[2]["suggestion"] == "ann@gmail.com"
    assert done.code == 1


def test_the_exit_code_tells_whether_all_can_be_mailed(bouncegate: Command) -> None:
    bouncegate("lock", "gone@kernel.org")
    assert bouncegate("check", "ann@kernel.org", "ann@gmial.com").code == 0
    assert bouncegate("check", "ann@kernel.org", "gone@kernel.org").code == 1
    assert bouncegate("check").code == 2


def test_what_is_good_can_be_left_out(bouncegate: Command, subscribers: Path) -> None:
    done = bouncegate("check", "--bad", "--csv", "--file", str(subscribers))
    rows = list(csv.DictReader(io.StringIO(done.out, newline="")))
    assert [row["line"] for row in rows] == ["2", "3", "4"]
    table = bouncegate("check", "--bad", str(subscribers))
    assert "ann@kernel.org" not in table.out
    assert "1 good" in table.err


def test_a_file_that_is_not_there_is_said_so(bouncegate: Command) -> None:
    bouncegate("lock", "gone@kernel.org")
    done = bouncegate("check", "--file", "/nowhere/list.txt")
    assert done.code == 2
    assert "/nowhere/list.txt: No such file" in done.err
