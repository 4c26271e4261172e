"""The shape of the project: who may import whom, and that nothing hides pymilter's C module."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The folders, each the root of one sub-package of the namespace package `bouncegate`.
FOLDERS = {
    *("config", "policy", "store", "daemon", "milter", "classifier", "admin", "cluster"),
    *("web", "cli"),
}
# part -> the parts that it may import, besides itself. Only `cli` and `web` wire; the return path
# and the send path meet in the store and never import one another.
_PURE = {"config", "policy"}
_STORE = {*_PURE, "store"}
ARROWS = {
    "config": set[str](),
    "policy": {"config"},
    "store": _PURE,
    "store.tokens": _STORE,
    "store.tools": _STORE,
    "daemon": {"config"},
    "daemon.metrics": {*_STORE, "daemon"},
    "milter.refusal": {*_STORE, "daemon"},
    "milter": {*_STORE, "store.tokens", "daemon", "milter.refusal"},
    "milter.lookup": {*_STORE, "store.tokens", "daemon", "milter.refusal"},
    "classifier": {"config"},
    "classifier.returnpath": {*_STORE, "store.tokens", "daemon", "classifier"},
    "classifier.alive": {*_STORE, "daemon", "classifier"},
    "classifier.maillog": {*_STORE, "classifier", "classifier.returnpath"},
    "admin": _STORE,
    "admin.dns": _STORE,
    "admin.lists": {*_STORE, "admin"},
    "admin.report": {*_STORE, "admin", "classifier"},
    "admin.views": {*_STORE, "admin", "admin.lists", "admin.report", "classifier"},
    "admin.postfix": {"config"},
    "admin.doctor": {*_STORE, "store.tokens", "admin.dns", "admin.postfix", "classifier.maillog"},
    "cluster": {*_STORE, "store.tokens", "store.tools", "daemon", "daemon.metrics"},
    "cluster.postgresql": {"config", "cluster"},
}
# A browser reaches neither name servers nor the paths of mail.
ARROWS["web.events"] = {*_STORE, "daemon", "daemon.metrics", "admin.lists"}
ARROWS["web"] = {
    "cluster",
    *(*_STORE, "daemon", "web.events"),
    *("admin", "admin.lists", "admin.report", "admin.views"),
}
ARROWS["cli"] = {*ARROWS}
# What is for developers stands beside the product and is never imported by it.
DEVELOPERS = {"lab", "manual", "tests", "bench"}


def part_of(module: str) -> str:
    """The part that holds a module of ours, named with dots: the longest name that fits."""
    names = module.removeprefix("bouncegate.").split(".")
    return next(part for n in (2, 1) if (part := ".".join(names[:n])) in ARROWS)


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder / "bouncegate" / folder).rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[1:])


def modules(part: str) -> list[Path]:
    return [
        path for path in sources(part.split(".", maxsplit=1)[0]) if part_of(dotted(path)) == part
    ]


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which part is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(path: Path) -> set[str]:
    return {part_of(name) for name in imported_names(path) if name.startswith("bouncegate.")}


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
    """Only `admin.dns` asks name servers, and only the command and the doctor may start it."""
    for part in ARROWS.keys() - {"admin.dns", "cli"}:
        for path in modules(part):
            roots = {name.split(".")[0] for name in imported_names(path)}
            assert "dns" not in roots, f"{path.relative_to(ROOT)} imports dnspython"
    daemons = [part for part in ARROWS if part.split(".")[0] in {"milter", "classifier"}]
    assert not any("admin.dns" in ARROWS[part] for part in daemons)


def test_libraries_of_the_cluster_are_imported_by_it_alone() -> None:
    """They are of the extra [cluster], and who runs one machine does without them."""
    owners = {"psycopg": {"cluster.postgresql"}, "cryptography": {"cluster"}}
    for part in ARROWS:
        for path in modules(part):
            roots = {name.split(".")[0] for name in imported_names(path)}
            for library in roots & owners.keys():
                assert part in owners[library], f"{path.relative_to(ROOT)} imports {library}"


def test_no_arrow_runs_back() -> None:
    """The parts can be put in an order in which each imports only those before it."""
    left = {part: set(arrows) for part, arrows in ARROWS.items()}
    while ready := [part for part, arrows in left.items() if not arrows & left.keys()]:
        for part in ready:
            del left[part]
    assert not left, f"these parts import one another: {left}"


def test_each_folder_holds_one_sub_package_of_its_name() -> None:
    found = {path.parent.name: list(path.iterdir()) for path in ROOT.glob("*/bouncegate")}
    assert found == {name: [ROOT / name / "bouncegate" / name] for name in FOLDERS}


def test_the_lists_of_pyproject_equal_the_folders() -> None:
    """A folder that is missing from the wheel's list is missing from the wheel, in silence."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    wheel = tool["hatch"]["build"]["targets"]["wheel"]
    paths = tool["mypy"]["mypy_path"].replace("$MYPY_CONFIG_FILE_DIR/", "").split(":")
    assert {path.removesuffix("/bouncegate") for path in wheel["packages"]} == FOLDERS
    assert set(wheel["dev-mode-dirs"]) == FOLDERS
    assert set(paths) - {"typings"} == FOLDERS
    assert set(tool["pyright"]["extraPaths"]) == FOLDERS
    assert set(tool["ruff"]["src"]) == FOLDERS


def test_the_table_of_the_docs_tells_the_same() -> None:
    """Each part has a row, whose third column leads to all that the arrows allow."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", text, re.MULTILINE)
    named = {part: set(re.findall(r"`([\w.]+)`", imports)) for part, imports in rows}
    assert named.keys() == ARROWS.keys()
    for part in ARROWS.keys() - {"cli"}:
        assert named[part] <= ARROWS[part] <= within_reach(part, named), part


def within_reach(part: str, named: dict[str, set[str]]) -> set[str]:
    return named[part].union(*(within_reach(one, named) for one in named[part]))


def test_no_init_file_hides_the_other_folders_or_the_c_module_of_pymilter() -> None:
    assert list(ROOT.glob("*/bouncegate/__init__.py")) == []
    assert [name for name in sorted(FOLDERS) if (ROOT / name / "__init__.py").exists()] == []


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
