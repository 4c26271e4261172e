"""`clock`, and what maintenance leaves undone while the clock is in doubt."""

import json
import os
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.clock import Moment
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from lab.bouncegate import COMMAND
from lab.shiftedclock import shifted

from .conftest import Command
from .test_operator import bounce

DAY = 86_400
NOW = int(time.time())
TRUSTED, DOUBTED = 0, os.EX_TEMPFAIL


class Clock:
    """A clock as far ahead of the machine's as a test says, for commands and for maintenance."""

    def __init__(self, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.config = config
        self.ahead = 0
        right = time.time
        monkeypatch.setattr(time, "time", lambda: right() + self.ahead)

    def maintain(self) -> tuple[int, str]:
        """One round, in a process of its own; its exit code, and what it told."""
        done = subprocess.run(
            [COMMAND, "--config", self.config, "maintain", "--once"],
            env={**os.environ, **shifted(self.config.parent, self.ahead)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stderr


@pytest.fixture
def clock(config: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(config, monkeypatch)


@pytest.fixture(autouse=True)
def settings(config: Path) -> None:
    with config.open("a") as file:
        file.write("[dns]\nenabled = false\n[log]\nlevel = 'info'\n")


def locks(bouncegate: Command) -> list[str]:
    return [json.loads(line)["address"] for line in bouncegate("list", "--json").out.splitlines()]


def states(bouncegate: Command) -> list[tuple[str, str]]:
    lines = bouncegate("clock", "show", "--json").out.splitlines()
    return [(view["part"], view["state"]) for view in map(json.loads, lines)]


@pytest.mark.parametrize("days", [32, 366, 740, 800])
def test_clock_that_is_ahead_for_one_round_of_maintenance_takes_nothing(
    config: Path, bouncegate: Command, clock: Clock, days: int
) -> None:
    for name in ("ann", "bob"):
        bounce(config, f"{name}@example.com", first=NOW - 10 * DAY)
    bounce(config, "cyd@example.com", Reason.MAILBOX_FULL, times=2, first=NOW - 10 * DAY)
    before = bouncegate("explain", "--json", "cyd@example.com").out
    assert clock.maintain()[0] == TRUSTED
    clock.ahead = days * DAY
    code, told = clock.maintain()
    assert (code, f"{days} days ahead" in told) == (DOUBTED, True)
    clock.ahead = 0
    assert locks(bouncegate) == ["ann@example.com", "bob@example.com"]
    assert bouncegate("explain", "--json", "cyd@example.com").out == before
    assert clock.maintain()[0] == TRUSTED, "it is right again"


def test_clock_of_the_first_round_after_an_upgrade_is_in_doubt_if_the_store_is_older(
    config: Path, clock: Clock
) -> None:
    """No mark is kept yet."""
    bounce(config, "ann@example.com", first=NOW - 700 * DAY)
    bounce(config, "bob@example.com", first=NOW - 699 * DAY)
    written = NOW - 690 * DAY
    os.utime(config.parent / "store" / "data.mdb", (written, written))
    assert clock.maintain()[0] == DOUBTED


def test_clock_that_an_operator_accepts_is_trusted_and_the_audit_says_so(
    config: Path, bouncegate: Command, clock: Clock
) -> None:
    for name in ("ann", "bob", "cyd"):
        bounce(config, f"{name}@example.com", Reason.MAILBOX_FULL, first=NOW - 10 * DAY)
    assert clock.maintain()[0] == TRUSTED
    clock.ahead = 800 * DAY
    assert states(bouncegate) == [("store", "ahead")]
    done = bouncegate("clock", "accept", "--yes", "--why", "it was off")
    assert (done.code, "800 days ahead" in done.out) == (0, True)
    assert states(bouncegate) == [("store", "trusted")]
    (record,) = map(json.loads, bouncegate("audit", "--json").out.splitlines())
    assert (record["command"], record["why"]) == ("clock accept", "it was off")
    code, told = clock.maintain()
    assert (code, "entries=2" in told) == (TRUSTED, True)


def test_clock_is_accepted_by_nobody_who_was_not_asked(
    config: Path, bouncegate: Command, clock: Clock
) -> None:
    bounce(config, "ann@example.com")
    clock.maintain()
    clock.ahead = 800 * DAY
    assert bouncegate("clock", "accept").code == os.EX_USAGE
    assert states(bouncegate) == [("store", "ahead")]


def test_clock_that_is_trusted_needs_no_word_of_an_operator(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "ann@example.com")
    done = bouncegate("clock", "accept", "--yes")
    assert (done.code, "the clock is trusted" in done.out) == (0, True)
    assert bouncegate("audit", "--json").out == ""


def test_clock_of_the_ledger_is_accepted_with_that_of_the_store(
    config: Path, bouncegate: Command, clock: Clock
) -> None:
    bounce(config, "ann@example.com")
    settings = StoreSettings(path=config.parent / "store")
    with closing(Ledger.open(settings, LedgerSettings(), readonly=False)) as ledger:
        ledger.write([entry_of(Sent(NOW, bytes(8), "news@example.org", ("ann@example.com",)))])
        ledger.clock.update(Moment(NOW, 0))
    clock.ahead = 40 * DAY
    assert states(bouncegate) == [("store", "ahead"), ("ledger", "ahead")]
    assert bouncegate("clock", "accept", "--yes").code == 0
    assert states(bouncegate) == [("store", "trusted"), ("ledger", "trusted")]


def test_clock_in_doubt_is_a_warning_of_health_and_doctor(
    config: Path, bouncegate: Command, clock: Clock
) -> None:
    bounce(config, "ann@example.com", first=NOW - DAY)
    assert bouncegate("report", "health").code == 0
    clock.ahead = 40 * DAY
    done = bouncegate("report", "health")
    assert (done.code, "40 days ahead" in done.out) == (1, True)
    (found,) = (
        one
        for one in map(json.loads, bouncegate("doctor", "--json").out.splitlines())
        if one["check"] == "clock"
    )
    assert (found["severity"], "clock accept" in found["fix"]) == ("warning", True)


def test_clock_in_doubt_keeps_what_an_operator_had_decided_from_nothing(
    config: Path, bouncegate: Command, clock: Clock
) -> None:
    """An operator's word does not wait: only what the clock alone says does."""
    bounce(config, "ann@example.com", first=NOW - DAY)
    clock.ahead = 40 * DAY
    assert bouncegate("unlock", "--yes", "--force", "ann@example.com").code == 0
    clock.ahead = 0
    assert locks(bouncegate) == []
