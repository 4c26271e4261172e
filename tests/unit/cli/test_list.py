"""`list`: what scripts and spreadsheets read must be whole, and say the same as the table."""

import csv
import io
import json
import time
from pathlib import Path

import pytest

from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .test_operator import bounce


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """Two addresses that are locked and one that has bounced once."""
    first = int(time.time()) - 3 * 86_400
    bounce(config, "hard@gmail.com", first=first)
    bounce(config, "full@b.example", Reason.MAILBOX_FULL, times=3, first=first)
    bounce(config, "once@b.example", Reason.MAILBOX_FULL, first=first)


def addresses(out: str) -> list[str]:
    return [json.loads(line)["address"] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["full@b.example", "hard@gmail.com"]),
        (("--state", "detected"), ["once@b.example"]),
        (("--state", "all"), ["full@b.example", "hard@gmail.com", "once@b.example"]),
        (("--kind", "soft"), ["full@b.example"]),
        (("--provider", "GMail.com"), ["hard@gmail.com"]),
        (("--domain", "@B.example"), ["full@b.example"]),
        (("--limit", "1"), ["full@b.example"]),
        (("--limit", "1", "--after", "Full@B.example"), ["hard@gmail.com"]),
        (("--sort", "since", "--descending"), ["full@b.example", "hard@gmail.com"]),
        (("--sort", "until"), ["full@b.example", "hard@gmail.com"]),
        (("--sort", "kind", "--limit", "1"), ["hard@gmail.com"]),
        (("--until", "2026-01-01"), []),
        (("--reason", "user-unknown", "--since", "2026-01-01"), ["hard@gmail.com"]),
    ],
)
def test_a_list_has_whom_its_options_ask_for(
    bouncegate: Command, options: tuple[str, ...], found: list[str]
) -> None:
    assert addresses(bouncegate("list", "--json", *options).out) == found


def test_table_json_and_csv_say_the_same(bouncegate: Command) -> None:
    told = [json.loads(line) for line in bouncegate("list", "--json").out.splitlines()]
    sheet = csv.DictReader(io.StringIO(bouncegate("list", "--csv").out, newline=""))
    for row, line in zip(sheet, told, strict=True):
        assert row["address"] == line["address"]
        assert row["until"] == line["until"]
    table = bouncegate("list").out.splitlines()
    assert table[0].split()[:2] == ["address", "state"]
    for text, line in zip(table[1:], told, strict=True):
        assert text.split()[0] == line["address"]
        assert line["until"] in text.split()


def test_an_unknown_list_or_reason_is_refused_with_what_would_be_right(bouncegate: Command) -> None:
    assert "locked" in bouncegate("list", "--state", "blocked").err
    assert "user-unknown" in bouncegate("list", "--reason", "unknown").err


@pytest.mark.parametrize(
    "options", [("--descending",), ("--sort", "kind", "--after", "a@b.example")]
)
def test_options_that_do_not_go_together_are_refused(
    bouncegate: Command, options: tuple[str, ...]
) -> None:
    done = bouncegate("list", *options)
    assert done.code == 2
    assert "--sort" in done.err
