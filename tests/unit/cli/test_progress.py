"""Whoever waits at a terminal sees that something happens; whoever reads the output does not."""

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

MANY = 2_000


class Seen(NamedTuple):
    """What a call has written."""

    out: str
    terminal: str


def run(config: Path, *arguments: str) -> Seen:
    """Call the command with standard error at a terminal and its output in a pipe."""
    ours, theirs = pty.openpty()
    told: list[bytes] = []

    def listen() -> None:
        try:
            while octets := os.read(ours, 65_536):
                told.append(octets)
        except OSError:  # EIO: nobody has the other end any more
            pass

    listening = threading.Thread(target=listen)
    listening.start()
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), *arguments]
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=theirs, env=environment, timeout=60, check=True
    )
    os.close(theirs)
    listening.join(30)
    os.close(ours)
    return Seen(done.stdout.decode(), b"".join(told).decode())


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "locks.csv"
    lines = "".join(f"user{n:04}@orchard.example\n" for n in range(MANY))
    path.write_text(f"address\n{lines}")
    return path


def test_import_list_and_export_show_how_far_they_are(config: Path, sheet: Path) -> None:
    done = run(config, "import", "--locks", str(sheet), "--yes")
    first, said, numbers = done.out.splitlines()
    assert first == f"{MANY} to lock, 0 unchanged (locked as long already, or listed twice)"
    assert said == "imported"
    assert numbers.startswith(f"{MANY} rows read, {MANY} new")
    assert "%" in done.terminal
    for arguments in (["list", "--json"], ["export"], ["list", "--sort", "since", "--csv"]):
        listed = run(config, *arguments)
        assert "rows" in listed.terminal
        assert "\x1b" not in listed.out, "nothing of the bar is in the output"
        assert listed.out.count("@orchard.example") == MANY


def test_the_same_without_a_terminal_says_nothing_of_it(config: Path, sheet: Path) -> None:
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config)]
    argv += ["import", "--locks", str(sheet), "--yes"]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
