"""Unlocking asks first: the answer at a terminal decides, and none but a yes unlocks anybody."""

import os
import pty
import subprocess
import sys
import time
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
