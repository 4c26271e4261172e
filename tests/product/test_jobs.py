"""Ten common jobs of an operator take one command each."""

import csv
import os
import stat
from pathlib import Path

import pytest
from tests.product.views import listed, rows, sheet
from tests.unit.cli.conftest import Command
from tests.unit.cli.reported import DAY, NOW, event, record, send
from tests.unit.cli.test_operator import bounce
from tests.unit.cli.test_outage import break_google

from bouncegate.config.taxonomy import Reason

HARD, FULL, GMX, ONCE = "gone@kernel.org", "full@kernel.org", "full@gmx.de", "once@kernel.org"


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """A hard lock, two soft ones, and an address that bounced once."""
    recent = NOW - 5 * DAY
    bounce(config, HARD, first=recent)
    for address in (FULL, GMX):
        bounce(config, address, Reason.MAILBOX_FULL, times=3, first=recent)
    bounce(config, ONCE, Reason.MAILBOX_FULL, first=recent)


def test_who_is_locked(bouncegate: Command) -> None:
    out = bouncegate("list").out
    assert [address in out for address in (HARD, FULL, GMX, ONCE)] == [True, True, True, False]


def test_why_this_one_is_locked(bouncegate: Command) -> None:
    out = bouncegate("explain", HARD).out
    assert f"{HARD} is locked (hard, address, user-unknown) until" in out
    assert "What frees it" in out


def test_free_one(bouncegate: Command) -> None:
    assert bouncegate("unlock", "--yes", FULL).code == 0
    assert listed(bouncegate) == [GMX, HARD]


def test_free_all_soft_ones_of_a_provider_with_a_mail(
    bouncegate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, mail = tmp_path / "sendmail", tmp_path / "mail"
    program.write_text(f"#!/bin/sh\ncat > {mail}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("bouncegate.admin.mail.SENDMAIL", str(program))
    asked = ("--all", "--kind", "soft", "--provider", "gmx", "--notify", "desk@kernel.org")
    assert bouncegate("unlock", *asked, "--yes").code == 0
    assert listed(bouncegate) == [FULL, HARD]
    assert GMX in mail.read_text()


def test_soft_bounces_as_csv(bouncegate: Command) -> None:
    found = sheet(bouncegate, "list", "--state", "bounced", "--kind", "soft")
    assert sorted(row["address"] for row in found) == sorted([FULL, GMX, ONCE])


def test_clean_a_list(bouncegate: Command, tmp_path: Path) -> None:
    subscribers, good = tmp_path / "subscribers.csv", tmp_path / "good.csv"
    subscribers.write_text(f"name,address\nAnn,ann@kernel.org\nGone,{HARD}\nFull,{FULL}\n")
    assert bouncegate("check", str(subscribers), "--write-good", str(good)).code == 0
    with good.open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"name": "Ann", "address": "ann@kernel.org"}]


def test_how_the_last_mailing_did(config: Path, bouncegate: Command) -> None:
    send(config, *(f"reader{n}@kernel.org" for n in range(10)), ago=DAY)
    record(config, event("reader1@kernel.org", sent_ago=DAY))
    (found,) = [r for r in rows(bouncegate, "report", "mailing") if r["mailing"] == "spring"]
    assert (found["hard"], found["rate"]) == (1, 0.1)
    assert "spring" in bouncegate("report", "mailing").out


def test_how_many_of_what(bouncegate: Command) -> None:
    (found,) = rows(bouncegate, "summary")
    assert (found["bounced"], found["detected"]) == (4, 1)
    assert (found["locked"]["hard"], found["locked"]["soft"]) == (1, 2)


def test_bring_in_the_suppression_list_of_an_email_service(
    bouncegate: Command, tmp_path: Path
) -> None:
    file = tmp_path / "suppressed.csv"
    file.write_text("Email,Created\nold@kernel.org,2026-01-07\n")
    options = ("--column", "address=Email", "--until", "1 year", "--yes")
    assert bouncegate("import", "--locks", str(file), *options).code == os.EX_OK
    assert listed(bouncegate, "--origin", "imported") == ["old@kernel.org"]


def test_end_the_incident_of_a_provider(config: Path, bouncegate: Command) -> None:
    number = str(break_google(config))
    assert bouncegate("incident", "dismiss", number, "--yes").code == 0
    assert [row["state"] for row in rows(bouncegate, "incident", "list")] == ["dismissed"]
    assert listed(bouncegate, "--provider", "google") == []
