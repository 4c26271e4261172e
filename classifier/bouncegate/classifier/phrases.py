"""Phrases searched for all at once: which of many patterns occur in a text, in one pass.

RE2 answers in about a microsecond what Python's own engine, trying each alternative at each
place, takes ten or more for; and no text can make it run away.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

import re2
from ahocorasick import Automaton

from bouncegate.classifier.needs import Alternative, Words, alternatives
from bouncegate.config.rulepatterns import pattern_options


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
        return sorted(self._set.Match(text) or ())

    def occur(self, text: str) -> bool:
        """Whether any of the patterns occurs."""
        return self._set.Match(text) is not None


class Vocabulary:
    """Many regular expressions (RE2), each with a number: those are tried whose words are there.

    One automaton for a hundred patterns with gaps, which RE2 makes while it reads, has more
    states than memory, and new ones for every text that it has not seen: 90 microseconds for a
    reply, where this takes 13.
    """

    __slots__ = ("_always", "_automaton", "_branches", "_of_word", "_telling")

    def __init__(self, patterns: Iterable[tuple[int, str]]) -> None:
        """Take the patterns; several may have the same number. Case does not matter."""
        words: dict[str, int] = {}
        self._branches: Final = sorted(_branches(patterns, words), key=attrgetter("number"))
        self._always: Final = [n for n, branch in enumerate(self._branches) if not branch.needs]
        self._of_word: Final[dict[int, list[int]]] = {}
        for n, branch in enumerate(self._branches):
            for word in branch.needs[0] if branch.needs else ():
                self._of_word.setdefault(word, []).append(n)
        self._telling: Final = frozenset(self._of_word)
        self._automaton: Final = _automaton(words)

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self._branches)

    def found(self, text: str) -> Iterator[int]:
        """The numbers of the patterns that occur, rising; each is looked for when asked for."""
        words = self._words_in(text)
        candidates = set(self._always)
        for word in words & self._telling:
            candidates.update(self._of_word[word])
        known = -1
        for n in sorted(candidates):
            branch = self._branches[n]
            if branch.number != known and branch.occurs(text, words):
                known = branch.number
                yield known

    def occur(self, text: str) -> bool:
        """Whether any of the patterns occurs."""
        return next(self.found(text), None) is not None

    def _words_in(self, text: str) -> set[int]:
        if self._automaton is None:
            return set()
        return {word for _, word in self._automaton.iter(text.casefold())}


class _Branch:
    """Alternatives of one pattern that need the same words."""

    __slots__ = ("_pattern", "_phrases", "_proven", "needs", "number")

    def __init__(
        self, number: int, pattern: str, needs: tuple[frozenset[int], ...], *, proven: bool
    ) -> None:
        self.number: Final = number
        self.needs: Final = needs
        """Sets of words; where it occurs is a word of each."""
        self._proven: Final = proven
        self._pattern: Final = pattern
        self._phrases: Phrases | None = None

    def occurs(self, text: str, words: set[int]) -> bool:
        """Whether it occurs in a text, of which these are the words."""
        for need in self.needs:
            if need.isdisjoint(words):
                return False
        if self._proven and text.isascii():
            return True
        if self._phrases is None:
            # Most are never asked for, and each takes a while to compile.
            self._phrases = Phrases((self._pattern,))
        return self._phrases.occur(text)


def _branches(patterns: Iterable[tuple[int, str]], words: dict[str, int]) -> Iterator[_Branch]:
    """The branches of the patterns, of each first those that need not be tried.

    `words` gets a number for each word that one needs.
    """
    for number, pattern in patterns:
        by_needs: dict[tuple[Words, ...], list[str]] = {}
        proven: list[Alternative] = []
        for alternative in alternatives(pattern):
            if alternative.proven:
                proven.append(alternative)
            else:
                by_needs.setdefault(alternative.needs, []).append(alternative.pattern)
        if proven:
            together: Words = frozenset[str]().union(*(a.needs[0] for a in proven))
            whole = "|".join(a.pattern for a in proven)
            yield _Branch(number, whole, _numbered((together,), words), proven=True)
        for needs, same in by_needs.items():
            yield _Branch(number, "|".join(same), _numbered(needs, words), proven=False)


def _numbered(needs: tuple[Words, ...], words: dict[str, int]) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(words.setdefault(w, len(words)) for w in need) for need in needs)


def _automaton(words: dict[str, int]) -> Automaton | None:
    """What finds all the words in one pass (Aho and Corasick, 1975)."""
    if not words:
        return None
    automaton = Automaton()
    for word, number in words.items():
        automaton.add_word(word, number)
    automaton.make_automaton()
    return automaton
