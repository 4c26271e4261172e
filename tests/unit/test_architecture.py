"""The shape of the project: who may import whom, and that nothing hides pymilter's C module."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# part -> the parts that it may import, besides itself. Only `cli` wires; the return path and the
# two planes of the send path (milter, map) meet in the store and never import one another.
ARROWS = {
    "config": set[str](),
    "policy": {"config"},
    "store": {"policy", "config"},
    "provenance": {"config", "policy", "store"},
    "daemon": {"config"},
    "dns": {"config", "policy", "store"},
    "refusal": {"config", "policy", "store", "daemon"},
    "classifier": {"config", "policy", "store", "provenance", "daemon"},
    "notice": {"config", "daemon", "refusal"},
    "milter": {"config", "policy", "store", "provenance", "daemon", "refusal", "notice"},
    "map": {"config", "policy", "store", "provenance", "daemon", "refusal"},
    "lists": {"config", "policy", "store"},
    "report": {"config", "policy", "store"},
    "life": {"config", "policy", "store", "provenance", "daemon", "classifier"},
    "maillog": {"config", "policy", "store", "provenance", "daemon", "classifier"},
    "metrics": {"config", "policy", "store", "daemon"},
    "postfix": {"config"},
    "doctor": {"config", "policy", "store", "provenance", "dns", "postfix", "maillog"},
    "custody": {"config", "policy", "store"},
    "cli": {
        *("config", "policy", "store", "provenance", "daemon"),
        *("dns", "refusal", "classifier", "milter", "map", "notice", "lists", "maillog", "life"),
        *("metrics", "doctor", "postfix", "custody", "report"),
    },
}
# What is for developers stands beside the product and is never imported by it.
DEVELOPERS = {"lab", "manual", "tests", "bench"}


def modules(part: str) -> list[Path]:
    return sorted((ROOT / part / "bouncegate" / part).rglob("*.py"))


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which part is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(path: Path) -> set[str]:
    names = (name.split(".") for name in imported_names(path))
    return {words[1] for words in names if words[0] == "bouncegate"}


@pytest.mark.parametrize("part", ARROWS)
def test_a_part_imports_only_what_its_arrow_allows(part: str) -> None:
    assert modules(part), f"the part {part} has no modules"
    for path in modules(part):
        strangers = imported_parts(path) - ARROWS[part] - {part}
        assert not strangers, f"{path.relative_to(ROOT)} imports {sorted(strangers)}"


@pytest.mark.parametrize("part", ARROWS)
def test_the_product_never_imports_what_is_for_developers(part: str) -> None:
    for path in modules(part):
        roots = {name.split(".")[0] for name in imported_names(path)}
        assert not roots & DEVELOPERS, f"{path.relative_to(ROOT)} imports {roots & DEVELOPERS}"


def test_no_mail_can_wait_for_dns() -> None:
    """Only the part `dns` asks name servers, and only the command and the doctor may start it."""
    for part in ARROWS.keys() - {"dns", "cli"}:
        for path in modules(part):
            roots = {name.split(".")[0] for name in imported_names(path)}
            assert "dns" not in roots, f"{path.relative_to(ROOT)} imports dnspython"
    assert not any("dns" in ARROWS[part] for part in ("milter", "map", "refusal", "classifier"))


def test_every_part_is_known_to_the_arrows() -> None:
    assert {path.parent.name for path in ROOT.glob("*/bouncegate")} == set(ARROWS)


def test_the_table_of_the_docs_tells_the_same() -> None:
    """Each part has a row, whose third column leads to all that the arrows allow."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", text, re.MULTILINE)
    named = {part: set(re.findall(r"`(\w+)`", imports)) for part, imports in rows}
    assert named.keys() == ARROWS.keys()
    for part in ARROWS.keys() - {"cli"}:
        assert named[part] <= ARROWS[part] <= within_reach(part, named), part


def within_reach(part: str, named: dict[str, set[str]]) -> set[str]:
    return named[part].union(*(within_reach(one, named) for one in named[part]))


def test_no_init_file_hides_the_other_parts_of_the_namespace() -> None:
    assert list(ROOT.glob("*/bouncegate/__init__.py")) == []
    assert [part for part in ARROWS if (ROOT / part / "__init__.py").exists()] == []


@pytest.mark.parametrize("argv", [["-c"], ["-P", "-c"]], ids=["root on sys.path", "root not on it"])
def test_the_c_module_of_pymilter_is_never_shadowed(argv: list[str]) -> None:
    """`import milter` from the root, where a folder `milter` lies, must give the C module."""
    code = "import milter; print(milter.__file__); milter.opensocket; milter.main"
    done = subprocess.run(
        [sys.executable, *argv, code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert Path(done.stdout.strip()).suffix == ".so"


def test_the_c_module_is_not_shadowed_in_this_very_run() -> None:
    """However pytest was started: it puts the root on sys.path."""
    import milter  # noqa: PLC0415 - the import is what is tested

    assert str(milter.__file__).endswith(".so")
