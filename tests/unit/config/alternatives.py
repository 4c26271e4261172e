"""Texts that a pattern of a rule takes: each of its alternatives once, and no product of them."""

import re
from collections.abc import Sequence
from typing import Any

from re import _constants, _parser  # type: ignore[attr-defined] # isort: skip

# RE2's classes of letters, which `re` lacks.
_LETTERS = re.compile(r"\\p(?:L|\{\w+\})")


def texts_of(pattern: str) -> list[str]:
    """Each alternative once, the rest of the pattern as short as it can be."""
    return list(dict.fromkeys(_sequence(_parser.parse(_LETTERS.sub("[a-z]", pattern)))))


def _sequence(items: Sequence[Any]) -> list[str]:
    """Of things in a row: the first text of each, and each other text of one of them."""
    choices = [_texts(operation, argument) for operation, argument in items]
    first = [choice[0] for choice in choices]
    others = [
        "".join([*first[:n], text, *first[n + 1 :]])
        for n, choice in enumerate(choices)
        for text in choice[1:]
    ]
    return ["".join(first), *others]


def _texts(operation: Any, argument: Any) -> list[str]:
    if operation is _constants.BRANCH:
        return [text for branch in argument[1] for text in _sequence(branch)]
    if operation is _constants.SUBPATTERN:
        return _sequence(argument[3])
    if operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        least, _, items = argument
        once = _sequence(items)
        return ["", *once] if least == 0 else [text * least for text in once]
    return [_character(operation, argument)]


def _character(operation: Any, argument: Any) -> str:
    if operation is _constants.IN:
        return _character(*argument[0])
    if operation is _constants.LITERAL:
        return chr(argument)
    if operation is _constants.RANGE:
        return chr(argument[0])
    if operation is _constants.AT:
        return ""
    return "7" if argument is _constants.CATEGORY_DIGIT else "-"
