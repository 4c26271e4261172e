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
        (("--ends-within", "60 days"), ["full@b.example"]),
        (("--ends-within", "60 days", "--sort", "until", "--limit", "5"), ["full@b.example"]),
        (("--ends-within", "7 days"), []),
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


def test_bounced_and_all_have_whom_no_bounce_counts_against(
    bouncegate: Command, config: Path
) -> None:
    bounce(config, "spam@b.example", Reason.SPAM_BLOCK)
    everybody = ["full@b.example", "hard@gmail.com", "once@b.example", "spam@b.example"]
    assert addresses(bouncegate("list", "--json", "--state", "bounced").out) == everybody
    assert addresses(bouncegate("list", "--json", "--state", "all").out) == everybody
    (row,) = map(
        json.loads,
        bouncegate(
            "list", "--json", "--state", "bounced", "--reason", "spam-block"
        ).out.splitlines(),
    )
    assert (row["state"], row["blame"], row["counts"], row["why_not"]) == (
        "bounced",
        "sender",
        False,
        "sender-to-blame",
    )
    shown = json.loads(bouncegate("show", "--json", "spam@b.example").out)
    assert (shown["state"], shown["locked"]) == ("bounced", False)
    assert shown["last_bounce"]["why_not"] == "sender-to-blame"
    assert shown["bounces"] == {"blocked/security": 1}


def test_all_has_each_address_that_a_filter_selects(bouncegate: Command, config: Path) -> None:
    """An address that is locked for one reason has bounced for another."""
    first = int(time.time()) - 2 * 86_400
    bounce(config, "hard@gmail.com", Reason.SPAM_BLOCK, times=2, first=first)  # the first is known
    found = bouncegate("list", "--json", "--state", "all", "--reason", "spam-block").out
    assert addresses(found) == ["hard@gmail.com"]
    found = bouncegate("list", "--json", "--state", "all", "--reason", "user-unknown").out
    assert addresses(found) == ["hard@gmail.com"]


def test_rows_of_bounces_say_how_many_in_a_row_lock(bouncegate: Command) -> None:
    (row,) = map(json.loads, bouncegate("list", "--json", "--state", "detected").out.splitlines())
    assert (row["in_row"], row["threshold"], row["bounces"]) == (1, 3, {"soft/mailbox": 1})
    table = bouncegate("list", "--state", "bounced").out.splitlines()
    assert "1 of 3" in next(line for line in table if line.startswith("once@b.example"))
    sheet = csv.DictReader(io.StringIO(bouncegate("export", "--state", "detected").out, newline=""))
    assert [row["bounces"] for row in sheet] == ["soft/mailbox 1"]
