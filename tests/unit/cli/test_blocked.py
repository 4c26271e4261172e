"""What blames the sender is counted as blocked, apart from hard and soft, in lists and `show`."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Final

import pytest

from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .test_operator import bounce

ANN: Final = "ann@gmail.com"
COUNTS: Final = """
[[policy.row]]
category = "security"
counts = true
failures = 9
lock = "1 day"
"""
COLUMNS: Final = ("hard", "soft", "blocked")


@pytest.fixture(params=["", COUNTS], ids=["never-counts", "counts"])
def policy(request: pytest.FixtureRequest, config: Path) -> Path:
    """A policy that lets what blames the sender count for nobody, or for the address."""
    config.write_text(f"{config.read_text()}{request.param}")
    return config


def blame(config: Path) -> None:
    """Two bounces that blame the sender, and one that locks in between; equal numbers are one."""
    first = int(time.time()) - 9 * 86_400
    bounce(config, ANN, Reason.SPAM_BLOCK, first=first)
    bounce(config, ANN, times=2, first=first + 86_400)
    bounce(config, ANN, Reason.SPAM_BLOCK, times=3, first=first + 3 * 86_400)


@pytest.mark.parametrize("state", ["locked", "bounced", "all"])
def test_list_counts_blocked_apart_in_json_and_csv(
    policy: Path, bouncegate: Command, state: str
) -> None:
    blame(policy)
    row = json.loads(bouncegate("list", "--state", state, "--json").out)
    assert [row[name] for name in COLUMNS] == [1, 0, 2]
    (line,) = csv.DictReader(io.StringIO(bouncegate("list", "--state", state, "--csv").out))
    assert [line[name] for name in COLUMNS] == ["1", "0", "2"]
    (line,) = csv.DictReader(io.StringIO(bouncegate("export", "--state", state).out))
    assert [line[name] for name in COLUMNS] == ["1", "0", "2"]


def test_list_names_the_kind_of_a_bounce_that_blames_the_sender(
    policy: Path, bouncegate: Command
) -> None:
    blame(policy)
    row = json.loads(bouncegate("list", "--state", "bounced", "--json").out)
    assert (row["kind"], row["detail"], row["blame"]) == ("blocked", "spam-block", "sender")
    table = bouncegate("list", "--state", "bounced").out.splitlines()
    assert table[1].split()[:3] == [ANN, "locked", "blocked"]
    (lock,) = map(json.loads, bouncegate("list", "--json").out.splitlines())
    assert (lock["kind"], lock["detail"]) == ("hard", "user-unknown")


def test_show_counts_blocked_apart(policy: Path, bouncegate: Command) -> None:
    blame(policy)
    shown = json.loads(bouncegate("show", ANN, "--json").out)
    assert [shown[name] for name in COLUMNS] == [1, 0, 2]
    assert shown["last_bounce"]["kind"] == "blocked"
    assert "hard/security" not in shown["categories"]
    lines = [line.split() for line in bouncegate("show", ANN).out.splitlines()]
    assert ["hard", "1"] in lines
    assert ["blocked", "2"] in lines


def test_check_counts_blocked_apart(config: Path, bouncegate: Command) -> None:
    config.write_text(f"{config.read_text()}{COUNTS}")
    bounce(config, ANN, Reason.SPAM_BLOCK, times=2, first=int(time.time()) - 3 * 86_400)
    found = json.loads(bouncegate("check", ANN, "--json").out)
    assert (found["verdict"], found["why"]) == (
        "detected",
        "0 hard and 0 soft bounces, 2 blocked",
    )


def test_list_sorts_by_blocked(config: Path, bouncegate: Command) -> None:
    first = int(time.time()) - 9 * 86_400
    for name, times in (("a", 1), ("b", 3), ("c", 2)):
        bounce(config, f"{name}@gmail.com", Reason.SPAM_BLOCK, times=times, first=first)
    found = bouncegate("list", "--state", "bounced", "--sort", "blocked", "--descending", "--json")
    assert [json.loads(line)["address"][0] for line in found.out.splitlines()] == ["b", "c", "a"]
