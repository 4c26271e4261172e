"""Each promise has its tests, each test its promise, and what is missing is told to operators."""

import ast
from collections import Counter
from pathlib import Path
from typing import Final

from tests.product.sentences import HERE, LATER

_FOLDER: Final = Path(__file__).parent
_KNOWN_ISSUES: Final = _FOLDER.parents[1] / "docs/known-issues.md"


def _tests() -> set[str]:
    return {
        node.name
        for path in _FOLDER.glob("test_*.py")
        if path != Path(__file__)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_sentence_has_tests_and_each_test_has_one_sentence() -> None:
    named = Counter(test for tests in HERE.values() for test in tests)
    assert named.keys() == _tests()
    assert {test for test, times in named.items() if times > 1} == set()
    assert all(HERE.values())


def test_what_is_not_there_yet_stands_among_the_known_issues() -> None:
    text = " ".join(_KNOWN_ISSUES.read_text().split())
    assert [words for words in LATER.values() if words not in text] == []
