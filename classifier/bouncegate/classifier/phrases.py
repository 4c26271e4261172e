"""Searches a text for many patterns in one pass.

RE2 needs about a microsecond where Python's engine, which tries each alternative at each position,
needs ten or more, and its time is linear for any text.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import re2

from bouncegate.config.rulepatterns import pattern_options

# Patterns whose words fit into one filter without slowing it down.
_FEW: Final = 64


class Phrases:
    """A few regular expressions (RE2) in one automaton: the fastest way, as long as it is small."""

    __slots__ = ("_set",)

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile the patterns; case does not matter."""
        self._set: Final = re2.Set.SearchSet(pattern_options())
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def found(self, text: str) -> list[int]:
        """The numbers of the patterns that occur, in order."""
        return sorted(self._set.Match(text.encode()) or ())

    def occur(self, text: str) -> bool:
        """Whether any of the patterns occurs."""
        return self._set.Match(text.encode()) is not None

    def occur_in(self, octets: bytes) -> bool:
        """Whether any of the patterns occurs in the UTF-8 of a text."""
        return self._set.Match(octets) is not None


class Vocabulary:
    """Many regular expressions (RE2), each with a number; only those whose words occur are tried.

    RE2 builds an automaton while it reads. One for a hundred patterns with gaps needs more states
    than fit into memory, and new ones for every new text. So `re2.Filter` searches for the words
    that the patterns require, all at once, and then tries only the patterns whose words occur.

    There are two filters, because a filter has a state for each set of words that occur together:
    with all rules in one, the states of 600 replies did not fit into its memory, and a reply took
    40 microseconds instead of 10. Also, the second is not used if a rule in the first decides.
    """

    __slots__ = ("_filters",)

    def __init__(self, patterns: Iterable[tuple[int, str]]) -> None:
        """Compile the patterns; several may have the same number. Case does not matter."""
        ordered = sorted(patterns)
        half = (len(ordered) + 1) // 2 if len(ordered) > _FEW else len(ordered)
        self._filters: Final = [*_filters(ordered[:half]), *_filters(ordered[half:])]

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self._filters)

    def found(self, text: str) -> Iterator[int]:
        """The numbers of the patterns that occur, rising; they are looked for when asked for."""
        known = -1
        octets = text.encode()
        for words, numbers in self._filters:
            for n in words.Match(octets) or ():
                if numbers[n] != known:
                    known = numbers[n]
                    yield known

    def occur(self, text: str) -> bool:
        """Whether any of the patterns occurs."""
        octets = text.encode()
        return any(words.Match(octets) for words, _ in self._filters)


class _Alone:
    """A pattern has more words than fit into a filter."""

    __slots__ = ("_pattern",)

    def __init__(self, pattern: str) -> None:
        self._pattern: Final = re2.compile(pattern, pattern_options())

    def Match(self, text: bytes) -> list[int] | None:  # noqa: N802 - as re2.Filter names it
        return [0] if self._pattern.search(text) else None


_Filter = tuple[re2.Filter | _Alone, list[int]]
"""Searches for several patterns; and the number of each, in their order."""


def _filters(patterns: Sequence[tuple[int, str]]) -> Iterator[_Filter]:
    """As few filters as RE2's memory allows: one for about a thousand patterns."""
    if not patterns:
        return
    numbers = [number for number, _ in patterns]
    words = re2.Filter()
    for _, pattern in patterns:
        words.Add(pattern, pattern_options())
    try:
        words.Compile()
    except re2.error:
        if len(patterns) == 1:
            yield _Alone(patterns[0][1]), numbers
            return
        half = len(patterns) // 2
        yield from _filters(patterns[:half])
        yield from _filters(patterns[half:])
    else:
        yield words, numbers
