"""Words, numbers and days in both languages; every text that a page shows has German words."""

import ast
import string
from importlib import resources
from pathlib import Path

import pytest
from jinja2 import nodes

from bouncegate.web.page.language import german, language, preferred
from bouncegate.web.page.rendering import environment

_MORNING = 1_796_112_000
"""2026-12-01, 08:00 UTC."""
_DAY = 86_400


def _folder() -> Path:
    return Path(str(resources.files("bouncegate.web.page")))


def _in_templates() -> set[str]:
    found: set[str] = set()
    for file in (_folder() / "templates").rglob("*.html"):
        for call in environment().parse(file.read_text("utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("_", "ngettext"):
                found |= _texts(call)
    return found


def _texts(call: nodes.Call) -> set[str]:
    """What a call may say: its strings, and the values of a table in it, not its keys."""
    keys = {id(pair.key) for pair in call.find_all(nodes.Pair)}
    constants = (one for one in call.find_all(nodes.Const) if id(one) not in keys)
    return {one.value for one in constants if isinstance(one.value, str)}


def _in_code() -> set[str]:
    found: set[str] = set()
    for file in _folder().parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def _fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_of_a_template_has_german_words() -> None:
    missing = sorted(_in_templates() - german().keys())
    assert not missing


def test_every_german_text_is_said_somewhere() -> None:
    said = _in_templates() | _in_code()
    assert not sorted(german().keys() - said)


def test_german_words_take_the_same_values() -> None:
    assert not [one for one, other in german().items() if _fields(one) != _fields(other)]


def test_the_first_language_that_a_browser_asks_for_and_we_speak() -> None:
    assert preferred("fr-FR,de-AT;q=0.8,en;q=0.5") == "de"
    assert preferred("en;q=0.4, de;q=0.9") == "de"
    assert preferred("de;q=0.1, en") == "en"
    assert preferred("") == preferred("fr") == preferred("de;q=high") == "en"


@pytest.mark.parametrize(
    ("days", "english", "german_words"),
    [
        (0, "today", "heute"),
        (1, "tomorrow", "morgen"),
        (-1, "yesterday", "gestern"),
        (30, "in 30 days", "in 30 Tagen"),
        (-1200, "1,200 days ago", "vor 1.200 Tagen"),
    ],
)
def test_a_distance_counts_days_of_the_calendar(days: int, english: str, german_words: str) -> None:
    moment = _MORNING + days * _DAY
    assert language("en").distance(moment, _MORNING) == english
    assert language("de").distance(moment, _MORNING) == german_words


def test_days_and_numbers_are_written_as_in_the_country() -> None:
    assert language("en").day(_MORNING) == "1 Dec 2026"
    assert language("de").day(_MORNING) == "1. Dez. 2026"
    assert language("de").short_day(_MORNING) == "1. Dez."
    assert language("en").clock(_MORNING) == "1 Dec 2026, 08:00 UTC"
    assert language("de").number(1_234_567) == "1.234.567"
    assert language("de").percent(0.0236) == "2,4\N{NO-BREAK SPACE}%"
    assert language("en").day(None) == "\N{EN DASH}"
