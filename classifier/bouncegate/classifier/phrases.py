"""Phrases searched for all at once: which of many patterns occur in a text, in one pass.

RE2 answers in about a microsecond what Python's own engine, trying each alternative at each
place, takes ten or more for; and no text can make it run away.
"""

from collections.abc import Iterable
from typing import Final

import re2


class Phrases:
    """An ordered list of regular expressions (RE2), compiled into one automaton."""

    __slots__ = ("_set",)

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile the patterns; case does not matter."""
        options = re2.Options()
        options.case_sensitive = False
        self._set: Final = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def found(self, text: str) -> list[int]:
        """The numbers of the patterns that occur, in order."""
        return sorted(self._set.Match(text) or ())

    def occur(self, text: str) -> bool:
        """Whether any of the patterns occurs."""
        return self._set.Match(text) is not None
