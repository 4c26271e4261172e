"""`check`: a script must be able to stop a mailing whose list has gone bad."""

import csv
import io
import json
import os
from pathlib import Path

import dns.message
import pytest
from tests.unit.admin.dns.liar import name_server

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
    assert done.code == os.EX_NOINPUT
    assert done.err == "bouncegate: /nowhere/list.txt: no such file or directory\n"


@pytest.mark.parametrize("names", [("nofile.txt",), ("ann@kernel.org", "nofile.txt"), ("lists",)])
def test_argument_without_an_at_sign_that_is_no_file_is_said_so(
    bouncegate: Command, names: tuple[str, ...]
) -> None:
    bouncegate("lock", "gone@kernel.org")
    done = bouncegate("check", *names)
    assert (done.code, done.out) == (os.EX_NOINPUT, "")
    assert done.err == f"bouncegate: {names[-1]}: no such file or directory\n"


def test_check_with_dead_dns_says_so_once_and_waits_no_address_at_a_time(
    tmp_path: Path, bouncegate: Command, config: Path
) -> None:
    bouncegate("lock", "gone@kernel.org")
    asked: set[str] = set()

    def silent(question: dns.message.QueryMessage, _tcp: bool) -> None:
        asked.add(question.question[0].name.to_text())

    file = tmp_path / "list.txt"
    file.write_text("".join(f"ann@company{n}.de\n" for n in range(900)))
    with name_server(silent) as server:
        extra = (
            f'[dns]\nresolvers = ["{server.host}:{server.port}"]\ntimeout = "1 second"\n'
            "at_once = 3\nqueries_a_second = 999\n"
        )
        config.write_text(config.read_text() + extra)
        told = bouncegate("check", "--lookup", "--file", str(file))
    assert told.code == 0, "nothing is known against them"
    assert told.err.count("no name server answers") == 1
    assert "900 unknown" in told.err
    assert " good" not in told.err, "nobody knows whether they are"
    assert len([name for name in asked if name.startswith("company")]) <= 6
