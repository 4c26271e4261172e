"""What is packaged must be what was tested: the two lock files name the same versions."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Each library's version, with the hashes of its files."""
    text = (ROOT / name).read_text()
    entries = re.findall(r"^([a-z0-9-]+)==(\S+)[^\n]*\n((?: +--hash=\S+.*\n)+)", text, re.MULTILINE)
    return {lib: (version, frozenset(re.findall(r"sha256:\w+", h))) for lib, version, h in entries}


def test_what_runs_is_pinned_as_it_was_tested() -> None:
    tested, runs = pins("requirements.lock"), pins("runtime.lock")
    assert len(runs) > 10
    assert {lib: pin for lib, pin in runs.items() if tested.get(lib) != pin} == {}
    assert "pytest" not in runs


def test_every_library_that_is_needed_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[>=<~ ]", one)[0] for one in project["dependencies"]}
    assert needed <= pins("runtime.lock").keys()
