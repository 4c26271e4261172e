"""`import` at the command: killed at any moment, given a bad line, or the same file twice.

A list that is half imported mails people who were to be spared, and nobody knows whom.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.unit.milter import small_disk

from bouncegate.admin.lists.csvfile import CsvWriter
from lab.waiting import wait_for

MANY: Final = 6_000
"""A dozen transactions."""


class Site:
    """A config, a store and a sheet of many locks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.store.mkdir()
        self.config = folder / "bouncegate.toml"
        self.config.write_text(f'[store]\npath = "{self.store}"\nmap_size = "256 MiB"\n')
        self.sheet = folder / "locks.csv"
        self.write(f"user{n}@orchard.example" for n in range(MANY))

    def write(self, addresses: Iterator[str]) -> None:
        with self.sheet.open("w", encoding="utf-8", newline="") as file:
            writer = CsvWriter(file, ("address", "why"))
            for address in addresses:
                writer.write((address, "unsubscribed"))

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bouncegate.cli", "--config", str(self.config), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments), capture_output=True, text=True, timeout=120, check=False
        )

    def importing(self) -> subprocess.Popen[bytes]:
        argv = self.argv("import", "--yes", "--locks", str(self.sheet))
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def do_import(self) -> subprocess.CompletedProcess[str]:
        return self.run("import", "--yes", "--locks", str(self.sheet))

    def locked(self) -> int:
        done = self.run("list", "--json")
        assert done.returncode == 0, done.stderr
        return len(done.stdout.splitlines())

    def journal(self) -> list[dict[str, object]]:
        done = self.run("audit", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Whether it still ran."""
    process.send_signal(signal.SIGKILL)
    return process.wait(30) == -signal.SIGKILL


def transactions_begun(site: Site) -> bool:
    """Whether some of what was decided is done already: the store has grown."""
    data = site.store / "data.mdb"
    return (site.store / "bulk/decided").exists() and data.stat().st_blocks * 512 > 300_000


MOMENTS: dict[str, Callable[[Site], bool]] = {
    "begun": lambda _: True,
    "the store is open": lambda site: (site.store / "data.mdb").exists(),
    "the draft is written": lambda site: (site.store / "bulk/draft").exists(),
    "it is decided": lambda site: (site.store / "bulk/decided").exists(),
    "half is done": transactions_begun,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_an_import_has_happened_or_has_not(site: Site, moment: str) -> None:
    process = site.importing()
    wait_for(moment, lambda: MOMENTS[moment](site) or process.poll() is not None)
    kill(process)
    found = site.locked()
    assert found in (0, MANY)
    assert len(site.journal()) == (1 if found else 0), "and its record with it"
    again = site.do_import()
    assert again.returncode == 0, again.stderr
    assert site.locked() == MANY


@pytest.mark.parametrize("part", range(8))
def test_killed_after_any_time_an_import_has_happened_or_has_not(site: Site, part: int) -> None:
    process = site.importing()
    time.sleep(0.3 + 0.2 * part)  # it takes a second or two; a moment too late kills nothing
    kill(process)
    assert site.locked() in (0, MANY)


def test_the_same_file_twice_changes_nothing(site: Site) -> None:
    assert site.do_import().returncode == 0
    before = site.run("export").stdout
    again = site.do_import()
    assert again.returncode == 0
    plan, numbers = again.stdout.splitlines()
    assert plan == f"0 to lock, {MANY} unchanged (locked as long already, or listed twice)"
    assert numbers.startswith(f"{MANY} rows read, 0 new, 0 changed, {MANY} already there, 0 listed")
    assert site.run("export").stdout == before
    assert len(site.journal()) == 1


def test_every_bad_line_is_told_with_its_number_and_reason_and_nothing_is_done(site: Site) -> None:
    site.write(iter(["good@orchard.example", "no address", "also@orchard.example", "a@b@c d"]))
    done = site.do_import()
    assert done.returncode == 65
    told = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in told[:-1]] == ["line 3", "line 5"]
    assert all(len(line.split(": ", 2)[2]) > 10 for line in told[:-1])
    assert told[-1] == "bouncegate: 2 bad lines: nothing was imported"
    assert site.locked() == 0


def test_without_a_terminal_and_without_yes_an_import_is_a_dry_run(site: Site) -> None:
    """A script that forgets --yes must not lock thousands by accident, and must notice."""
    argv = site.argv("import", "--locks", str(site.sheet))
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 64
    assert done.stdout == f"{MANY} to lock, 0 unchanged (locked as long already, or listed twice)\n"
    assert "nothing was imported: no terminal to ask on; use --yes" in done.stderr
    assert site.locked() == 0


def test_a_full_disk_for_temporary_files_is_said_and_nothing_is_imported(site: Site) -> None:
    """So many are sorted on the disk, which has 1 MiB."""
    site.write(f"a.reader.{n}@orchard.example" for n in range(60_000))
    small = site.folder / "small"
    small.mkdir()
    argv = [sys.executable, small_disk.__file__, str(small), *site.argv()[3:]]
    done = subprocess.run(
        [*argv, "import", "--yes", "--locks", str(site.sheet)],
        env={**os.environ, "TMPDIR": str(small)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "PermissionError" in done.stderr:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.splitlines()[-1]}")
    assert done.returncode == os.EX_TEMPFAIL, done.stderr
    assert "No space left on device: free space, or set TMPDIR to another folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert site.locked() == 0


def test_a_sheet_by_a_pipe_locks_each_address_once_for_the_first_reason_given(site: Site) -> None:
    rows = ["address,why", *(f"user{n % 70:02}@orchard.example,line {n}" for n in range(1200))]
    done = subprocess.run(
        site.argv("import", "--yes", "--locks", "-"),
        input="\n".join(rows),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("70 to lock, 1130 unchanged (locked as long already")
    listed = site.run("list", "--json").stdout.splitlines()
    whys = {json.loads(line)["address"][4:6]: json.loads(line)["why"] for line in listed}
    assert whys == {f"{n:02}": f"line {n}" for n in range(70)}
