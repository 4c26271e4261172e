"""What an operator sees of refused recipients: in reports, of one address, and after a purge."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command
from .reported import DAY, event, record, refuse, send

ANN, BOB = "ann@b.example", "bob@gmail.com"


def rows(bouncegate: Command, *arguments: str) -> list[dict[str, Any]]:
    done = bouncegate("report", *arguments, "--json")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture(autouse=True)
def refused(config: Path) -> None:
    """Ten were sent spring, of whom one bounced; two were refused it, one of them twice."""
    send(config, *(f"reader{n}@b.example" for n in range(10)))
    record(config, event("reader1@b.example", sent_ago=120))
    refuse(config, ANN, BOB)
    refuse(config, ANN)
    refuse(config, ANN, mailing="autumn", group="members")


def test_report_of_a_mailing_shows_who_was_meant_refused_and_reached(bouncegate: Command) -> None:
    spring, autumn = rows(bouncegate, "mailing")
    named = ("mailing", "recipients", "refused", "sends", "delivered", "hard", "rate")
    assert [spring[name] for name in named] == ["spring", 13, 3, 10, 9, 1, 0.1]
    assert [autumn[name] for name in named] == ["autumn", 1, 1, 0, 0, 0, None]
    shown = bouncegate("report", "mailing").out
    assert "refused" in shown
    assert "recipients" in shown


@pytest.mark.parametrize(
    ("arguments", "counted"),
    [
        (("group",), {"readers": 3, "members": 1}),
        (("sender",), {"example.org": 4}),
        (("provider",), {"b.example": 3, "google": 1}),
        (("domain",), {"b.example": 3, "gmail.com": 1}),
        (("reason",), {"user-unknown": 4}),
        (("mailing", "--group", "members"), {"autumn": 1}),
        (("mailing", "--domain", "gmail.com"), {"spring": 1}),
        (("mailing", "--sender", "other.example"), {}),
    ],
    ids=str,
)
def test_refusals_are_counted_by_each_subject_and_filter(
    bouncegate: Command, arguments: tuple[str, ...], counted: dict[str, int]
) -> None:
    found = rows(bouncegate, *arguments)
    name = arguments[0]
    assert {row[name]: row["refused"] for row in found if row["refused"]} == counted


def test_refusals_before_the_period_are_not_counted(config: Path, bouncegate: Command) -> None:
    refuse(config, ANN, ago=5 * DAY, mailing="old")
    named = {row["mailing"] for row in rows(bouncegate, "mailing", "--since", "2 days")}
    assert named == {"spring", "autumn"}
    assert {row["mailing"] for row in rows(bouncegate, "mailing")} == named | {"old"}


def test_show_tells_how_often_when_last_and_in_which_mailings(
    config: Path, bouncegate: Command
) -> None:
    refuse(config, ANN, ago=3 * DAY, mailing="winter")
    shown = json.loads(bouncegate("show", "--json", ANN).out)
    assert (shown["refused"], set(shown["refused_in"][:2])) == (4, {"spring", "autumn"})
    assert shown["refused_in"][2] == "winter"
    assert shown["last_refused"] is not None
    never = json.loads(bouncegate("show", "--json", "reader1@b.example").out)
    assert (never["refused"], never["last_refused"], never["refused_in"]) == (0, None, [])


def test_trace_of_an_address_names_its_refusals(bouncegate: Command) -> None:
    told = bouncegate("trace", "--json", ANN).out.splitlines()
    said = [one["said"] for one in map(json.loads, told) if one["said"].startswith("refused")]
    assert len(said) == 2
    assert any("refused 2 times since" in text and "mailing=spring" in text for text in said)
    assert all("reason=user-unknown ref=7" in text for text in said)


def test_purge_removes_refusals_even_where_nothing_else_is_known(bouncegate: Command) -> None:
    done = bouncegate("purge", ANN, "--yes")
    assert done.code == 0, done.err
    assert "3 refusals in the ledger" in done.out
    assert json.loads(bouncegate("show", "--json", ANN).out)["refused"] == 0
    assert json.loads(bouncegate("show", "--json", BOB).out)["refused"] == 1
