"""The README promises only what is there; tests/postfix runs its commands for Postfix."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def commands(heading: str) -> list[str]:
    """The lines of the first shell block below a heading."""
    block = re.search(rf"^## {heading}$.*?^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert block is not None, heading
    return block[1].splitlines()


def test_two_commands_attach_and_detach() -> None:
    lines = commands("Attach it to Postfix, and detach it")
    assert lines == ["bouncegate postfix enable", "bouncegate postfix disable"]


def test_every_file_that_is_linked_exists() -> None:
    targets = re.findall(r"\]\(([^):]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_file_that_is_to_be_installed_exists() -> None:
    globs = [
        word
        for line in commands("Install")
        if line.startswith("install ")
        for word in line.split()
        if word.startswith("systemd/")
    ]
    assert globs
    assert [glob for glob in globs if not list(ROOT.glob(glob))] == []


def test_every_task_of_run_that_is_named_exists() -> None:
    tasks = set(re.findall(r"\./run (\w+)", README)) - {"help"}
    known = subprocess.run(
        [ROOT / "run", "help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert {"demo", "test"} <= tasks
    assert [task for task in tasks if not re.search(rf"^  {task}\b", known, re.MULTILINE)] == []
