"""docs/architecture.md: each file that it names exists, and defines the names beside it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from lab.folder import ROOT

PAGE: Final = (ROOT / "docs/architecture.md").read_text()
_TOP: Final = {path.name for path in ROOT.iterdir() if path.is_dir()}
# `path.py`: `name`, `Class.method`
_NAMED: Final = re.compile(r"`([\w/.-]+\.py)`: (`[\w.]+`(?:, `[\w.]+`)*)")


def paths_of(page: str) -> list[str]:
    """The files and folders of the project that a page names, each once."""
    spans = re.findall(r"`([\w.-]+/[\w/.-]*)`", page)
    return sorted({span for span in spans if span.split("/")[0] in _TOP})


def names_of(page: str) -> list[tuple[str, str]]:
    """Each name beside a file."""
    return sorted(
        {
            (path, name)
            for path, names in _NAMED.findall(page)
            for name in re.findall(r"`([\w.]+)`", names)
        }
    )


def definitions(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """The functions, classes and methods of a module, methods behind their class."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from definitions(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", paths_of(PAGE))
def test_paths_of_the_page_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "name"), names_of(PAGE))
def test_names_of_the_page_are_defined_in_the_file_beside_them(path: str, name: str) -> None:
    assert name in set(definitions(ast.parse(Path(ROOT / path).read_text())))


def test_the_page_follows_both_paths_step_by_step() -> None:
    files = [path for path, _ in _NAMED.findall(PAGE)]
    assert len(files) > 40
    assert "milter/bouncegate/milter/rcpt.py" in files
    assert "classifier/bouncegate/classifier/returnpath/handler.py" in files
