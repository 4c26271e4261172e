"""Locks that need force: below an operator's lock, after complaints, of people who opted out."""

import json
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.store.bounces import bounce_of, policy, record

from bouncegate.config.taxonomy import Reason

from .conftest import Command, store_of
from .test_operator import bounce

ANN, BOB = "ann@gmx.de", "bob@gmx.de"
NOT_PERMITTED = 77


def reason_of(bouncegate: Command, address: str) -> str:
    shown: str = json.loads(bouncegate("show", "--json", address).out)["detail"]
    return shown


@pytest.fixture
def covered(config: Path, bouncegate: Command) -> None:
    """A hard lock below one that an operator has made later."""
    bounce(config, ANN, first=int(time.time()) - 3 * 86_400)
    bouncegate("lock", ANN, "--why", "asked on the phone")


@pytest.mark.usefixtures("covered")
def test_unlock_lifts_no_hard_lock_below_an_operators(bouncegate: Command) -> None:
    done = bouncegate("unlock", "--yes", ANN)
    assert (done.code, done.out) == (NOT_PERMITTED, "")
    assert "hard-locked (user-unknown)" in done.err
    assert "below a lock made by hand" in done.err
    assert bouncegate("unlock", "--yes", "--all").code == NOT_PERMITTED
    assert bouncegate("unlock", "--yes", "--force", ANN).code == 0
    assert bouncegate("unlock", "--yes", ANN).out == f"{ANN}: not locked\n"


def test_unlock_lifts_an_operators_lock_over_a_soft_one(config: Path, bouncegate: Command) -> None:
    bounce(config, ANN, Reason.MAILBOX_FULL, times=3, first=int(time.time()) - 3 * 86_400)
    bouncegate("lock", ANN)
    assert bouncegate("unlock", "--yes", ANN).out == f"{ANN}: unlocked\n"


def test_unlock_knows_a_hard_bounce_that_came_below_an_operators_lock(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("lock", ANN)
    with closing(store_of(config)) as store:
        record(store, [bounce_of(ANN, 1, int(time.time()))], policy())
    assert bouncegate("unlock", "--yes", ANN).code == NOT_PERMITTED


@pytest.mark.usefixtures("covered")
def test_lock_that_ends_earlier_takes_the_place_of_no_hard_one(bouncegate: Command) -> None:
    done = bouncegate("lock", ANN, BOB, "--until", "1 day")
    assert (done.code, done.out) == (NOT_PERMITTED, "")
    assert "1 address locked for longer: nothing was locked" in done.err
    assert bouncegate("lock", BOB, "--until", "1 day").code == 0
    assert bouncegate("lock", BOB, "--until", "1 hour").code == 0, "an operator's own may be"


@pytest.mark.usefixtures("covered")
def test_correct_resets_no_hard_lock_below_an_operators(config: Path, bouncegate: Command) -> None:
    with config.open("a") as file:
        file.write("[policy]\nunlock_hard = true\n")
    bouncegate("lock", BOB, "--reason", "complaint")
    bouncegate("lock", BOB)
    assert bouncegate("correct", "typo@gmx.de", BOB).code == NOT_PERMITTED
    assert bouncegate("correct", "typo@gmx.de", ANN).code == 0, "the config allows it"


def test_correct_resets_no_complaint_of_a_group(config: Path, bouncegate: Command) -> None:
    bouncegate("lock", ANN, "--group", "news", "--reason", "complaint")
    done = bouncegate("correct", "typo@gmx.de", ANN)
    assert (done.code, "locked itself for news (complaint)" in done.err) == (NOT_PERMITTED, True)
    with config.open("a") as file:
        file.write("[policy]\nunlock_hard = true\n")
    assert bouncegate("correct", "typo@gmx.de", ANN).code == NOT_PERMITTED
    assert bouncegate("correct", "--force", "typo@gmx.de", ANN).code == 0


@pytest.mark.parametrize(
    "word", ["unsubscribed", "Unsubscribe", "opt-out", "opt_out", "List Unsubscribe", "complaint"]
)
def test_whoever_opted_out_is_freed_by_force_alone(
    config: Path, bouncegate: Command, tmp_path: Path, word: str
) -> None:
    with config.open("a") as file:
        file.write("[policy]\nunlock_hard = true\nalive_frees_hard = true\n")
    sheet = tmp_path / "locks.csv"
    sheet.write_text(f"address,reason\n{ANN},{word}\n")
    bouncegate("import", "--locks", str(sheet), "--yes")
    reason = "complaint" if word == "complaint" else "unsubscribed"
    assert reason_of(bouncegate, ANN) == reason
    bouncegate("alive", ANN)
    sheet.write_text(f"address,reason,until\n{ANN},bounce,2 days\n")
    bouncegate("import", "--locks", str(sheet), "--yes")
    assert reason_of(bouncegate, ANN) == reason
    bouncegate("lock", BOB)
    done = bouncegate("unlock", "--all", "--yes")
    assert done.out == f"{BOB}: unlocked\n"
    assert f"1 address left locked (1 {reason}): use --force" in done.err
    assert bouncegate("unlock", "--force", "--yes", ANN).code == 0


def test_import_without_a_reason_hides_no_hard_lock(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    bounce(config, ANN, first=int(time.time()) - 3 * 86_400)
    sheet = tmp_path / "locks.csv"
    sheet.write_text(f"address\n{ANN}\n")
    bouncegate("import", "--locks", str(sheet), "--yes")
    assert reason_of(bouncegate, ANN) == "user-unknown"
    assert bouncegate("unlock", "--yes", ANN).code == NOT_PERMITTED


def test_unlock_of_all_mail_leaves_an_address_that_complained_about_a_group(
    bouncegate: Command,
) -> None:
    bouncegate("lock", ANN, "--group", "news", "--reason", "complaint")
    bouncegate("lock", ANN, "--group", "shop")
    bouncegate("lock", ANN)
    done = bouncegate("unlock", "--all", "--reason", "operator", "--yes")
    assert (done.code, done.out) == (NOT_PERMITTED, "")
    assert "1 complaint" in done.err
    assert reason_of(bouncegate, ANN) == "operator"


def test_unlock_of_groups_leaves_the_one_that_was_complained_about(bouncegate: Command) -> None:
    bouncegate("lock", ANN, "--group", "news", "--reason", "complaint")
    bouncegate("lock", ANN, "--group", "shop")
    done = bouncegate("unlock", "--all", "--yes")
    assert done.out == f"{ANN}: unlocked\n"
    assert "1 complaint" in done.err
    scopes = [json.loads(line)["scope"] for line in bouncegate("list", "--json").out.splitlines()]
    assert scopes == ["group:news"]


def test_explain_says_that_an_opt_out_is_freed_by_force(bouncegate: Command) -> None:
    bouncegate("lock", ANN, "--reason", "unsubscribed")
    assert "What frees it: bouncegate unlock --force." in bouncegate("explain", ANN).out
