"""The man pages: whole, without a fault, and of all that there is; else people guess."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bouncegate.cli.main import app
from bouncegate.config.reasons import REASONS
from bouncegate.milter.refusal.action import Action
from bouncegate.milter.refusal.decision import Outcome
from bouncegate.policy.disposition import Disposition
from bouncegate.store.tokens.token import Finding
from manual.commands import every_command, help_of
from manual.pages import pages
from manual.settings import sections

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = (ROOT / "config/bouncegate/config/bouncegate.toml").read_text()
PAGES = pages(1_700_000_000)
COMMANDS = dict(every_command(typer.main.get_command(app)))


def mandoc(name: str, *arguments: str) -> str:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed; ./run test installs it")
    done = subprocess.run(
        ["mandoc", *arguments], input=PAGES[name], capture_output=True, text=True, check=False
    )
    return re.sub(".\x08", "", done.stdout)  # bold, as an old printer does it


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_fault_that_mandoc_finds(name: str) -> None:
    assert mandoc(name, "-T", "lint", "-W", "warning") == ""
    assert len(mandoc(name, "-T", "utf8").splitlines()) > 50


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_dated_and_names_others_that_exist(name: str) -> None:
    assert ".Dd November 14, 2023\n" in PAGES[name]
    assert "@" not in PAGES[name].split(".Sh NAME")[0]
    ours = re.findall(r"^\.Xr (bouncegate\S*) (\d)", PAGES[name], re.MULTILINE)
    assert ours
    assert {f"{page}.{section}" for page, section in ours} <= PAGES.keys()


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_each_command_shows_how_it_is_used(path: str) -> None:
    prose, examples = help_of(COMMANDS[path])
    assert prose[0]
    assert examples, "give it an example"
    assert all(f"bouncegate {path}" in one or "--config" in one for one in examples)


@pytest.mark.parametrize("path", COMMANDS)
def test_an_option_of_one_name_is_for_one_thing(path: str) -> None:
    """Who has learned --yes at one command must not be surprised by it at another."""
    meant = {"--yes": "-y", "--json": None, "--dry-run": None, "--why": None, "--by": None}
    for option in COMMANDS[path].params:
        if option.opts[0] in meant:
            short = meant[option.opts[0]]
            assert option.opts == [option.opts[0], *([short] if short else [])]
            assert option.is_flag == (option.opts[0] in {"--yes", "--json", "--dry-run"})


def test_every_table_and_key_of_the_config_file_is_in_its_page() -> None:
    found = list(sections(SAMPLE))
    heads = re.findall(r"^(?:# )?(\[+[a-z_.]+\]+)$", SAMPLE, re.MULTILINE)
    assert {section.head for section in found} == set(heads)
    keys = re.findall(r"^# ([a-z_]+) = ", SAMPLE, re.MULTILINE)
    assert sorted(key.name for section in found for key in section.keys) == sorted(keys)
    page = mandoc("bouncegate.toml.5", "-T", "utf8")
    assert [key for key in keys if key not in page] == []


def test_every_word_that_the_log_may_hold_is_in_its_page() -> None:
    page = re.sub(r"[^\S\n]*\n\s*", " ", mandoc("bouncegate-log.5", "-T", "ascii"))
    passed = set(Outcome) - {
        Outcome.NOT_LOCKED, Outcome.LOCK_EXPIRED, Outcome.OBSERVED, Outcome.REFUSED,
    }  # fmt: skip
    words = {
        *passed,
        *(set(Disposition) - {Disposition.COUNTS}),
        *(set(Finding) - {Finding.GOOD}),
        *Action,
    }
    assert [word for word in sorted(words) if word not in page] == []


def test_every_reason_has_its_advice_in_the_page_of_rules() -> None:
    page = mandoc("bouncegate-rules.5", "-T", "ascii")
    assert [reason for reason in REASONS if reason not in page] == []


def test_the_shell_completes_commands_and_options() -> None:
    def completed(*words: str) -> list[str]:
        environment = {
            **os.environ,
            "_BOUNCEGATE_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        argv = [
            sys.executable,
            "-c",
            "from bouncegate.cli.main import app; app(prog_name='bouncegate')",
        ]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        return done.stdout.split()

    assert completed("bouncegate", "unl") == ["unlock"]
    assert completed("bouncegate", "unlock", "--dry") == ["--dry-run"]


def test_the_version_is_shown() -> None:
    argv = [sys.executable, "-m", "bouncegate.cli", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"bouncegate \d+\.\d+\S*\n", done.stdout)
