"""CONTRIBUTING.md names what exists, and the workflow runs what CI runs."""

import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from bouncegate.classifier.rulecheck import check_rules
from bouncegate.config.rules import load_rules

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
_FOLDERS = (
    r"(?:config|policy|store|daemon|milter|classifier|admin|cluster|cli|tests|bench|docs|\.github)"
)
PATHS = sorted(set(re.findall(rf"{_FOLDERS}/[\w./-]*\w", TEXT)))
TASKS = sorted(set(re.findall(r"\./run (\w+)", TEXT)) - {"help"})


@pytest.mark.parametrize("path", [path for path in PATHS if "NAME" not in path])
def test_contributing_names_paths_that_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("task", TASKS)
def test_contributing_names_tasks_that_run_knows(task: str) -> None:
    done = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True)
    assert re.search(rf"^  {task}\b", done.stdout, re.MULTILINE)


def test_contributing_shows_a_rule_that_takes_its_example(tmp_path: Path) -> None:
    block = re.search(r"^ *```toml\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
    assert block is not None
    (tmp_path / "10-example.toml").write_text(textwrap.dedent(block[1]))
    rules = load_rules(tmp_path)
    assert "system.stocktaking" in {rule.id for rule in rules.rules}
    assert check_rules(rules) == ()


def test_the_workflow_runs_the_script_that_ci_runs() -> None:
    steps = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.findall(r"- run: sudo (\S+)$", steps, re.MULTILINE) == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
