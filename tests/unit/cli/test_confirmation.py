"""Unlocking asks first: the answer at a terminal decides, and none but a yes unlocks anybody."""

import json
import os
import pty
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .test_operator import bounce

ANN = "ann@example.com"


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """A soft lock."""
    first = int(time.time()) - 3 * 86_400
    bounce(config, ANN, Reason.MAILBOX_FULL, times=3, first=first)


def answered(config: Path, answer: str) -> int:
    """The exit code of an unlock of all soft locks, asked at a terminal of its own."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config)]
    argv += ["unlock", "--all", "--kind", "soft"]
    try:
        os.write(ours, f"{answer}\n".encode())
        return subprocess.run(
            argv, stdin=theirs, stdout=theirs, stderr=theirs, timeout=60, check=False
        ).returncode
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(("answer", "code", "locked"), [("y", 0, False), ("n", 1, True)])
def test_soft_locks_are_lifted_after_a_confirmation_and_not_without(
    config: Path, bouncegate: Command, answer: str, code: int, *, locked: bool
) -> None:
    assert answered(config, answer) == code
    assert (ANN in bouncegate("list", "--json").out) is locked


def test_an_empty_answer_unlocks_nobody(config: Path, bouncegate: Command) -> None:
    assert answered(config, "") != 0
    assert ANN in bouncegate("list", "--json").out


class Asking:
    """A command that has been asked for its consent at a terminal of its own."""

    def __init__(self, config: Path, *argv: str) -> None:
        """Start it, and wait for its question."""
        self._ours, theirs = pty.openpty()
        argv = (sys.executable, "-m", "bouncegate.cli", "--config", str(config), *argv)
        self._process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.said = ""
        try:
            while "[y/N]" not in self.said:
                self.said += os.read(self._ours, 4096).decode()
        except OSError:
            pytest.fail(f"ended with {self._process.wait()} and asked nothing: {self.said}")

    def consent(self) -> int:
        """Say yes; the exit code."""
        os.write(self._ours, b"y\n")
        with suppress(OSError):  # a terminal that its last process has left cannot be read
            while octets := os.read(self._ours, 4096):
                self.said += octets.decode()
        os.close(self._ours)
        return self._process.wait(60)


def test_a_hard_bounce_that_comes_while_the_question_waits_is_not_freed(
    config: Path, bouncegate: Command
) -> None:
    first = int(time.time()) - 3 * 86_400
    bounce(config, "bob@example.com", Reason.MAILBOX_FULL, times=3, first=first)
    asking = Asking(config, "unlock", "--all", "--kind", "soft")
    bounce(config, ANN, times=4, first=first)  # three of the messages have bounced before
    assert asking.consent() == os.EX_TEMPFAIL
    assert f"{ANN}: its locks changed meanwhile: not changed" in asking.said
    assert "bob@example.com: unlocked" in asking.said
    assert f"{ANN}: unlocked" not in asking.said
    shown = json.loads(bouncegate("show", "--json", ANN).out)
    assert (shown["locked"], shown["kind"]) == (True, "hard")
    assert not json.loads(bouncegate("show", "--json", "bob@example.com").out)["locked"]


def test_a_correction_to_an_address_that_bounces_while_the_question_waits_frees_nobody(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    yesterday = int(time.time()) - 86_400
    bounce(config, "lisa@gmial-mail.com", first=yesterday)
    sheet = tmp_path / "sheet.csv"
    bouncegate("export", "--with-id", "-o", str(sheet))
    sheet.write_text(sheet.read_text().replace("gmial", "gmail"))
    asking = Asking(config, "import", "--corrections", str(sheet))
    bounce(config, "lisa@gmail-mail.com", first=yesterday)
    assert asking.consent() == os.EX_TEMPFAIL
    assert "lisa@gmail-mail.com: its locks changed meanwhile" in asking.said
    assert json.loads(bouncegate("show", "--json", "lisa@gmail-mail.com").out)["locked"]


def test_a_lock_that_is_made_while_the_import_asks_is_kept_and_told(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("address\nlisa@orchard.example\neve@orchard.example\n")
    asking = Asking(config, "import", "--locks", str(sheet), "--until", "1 week")
    bounce(config, "lisa@orchard.example", first=int(time.time()) - 60)
    assert asking.consent() == os.EX_TEMPFAIL
    assert "1 address not changed: locked meanwhile" in asking.said
    lisa, eve = (
        json.loads(bouncegate("show", "--json", f"{name}@orchard.example").out)
        for name in ("lisa", "eve")
    )
    assert (lisa["reason"], eve["origin"]) == ("user-unknown", "imported")


def test_an_import_of_which_nothing_is_left_says_so(config: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("address\nlisa@orchard.example\n")
    asking = Asking(config, "import", "--locks", str(sheet), "--until", "1 week")
    bounce(config, "lisa@orchard.example", first=int(time.time()) - 60)
    assert asking.consent() == os.EX_TEMPFAIL
    assert "nothing was imported" in asking.said
