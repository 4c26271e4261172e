"""The texts of all rules, of which only those are searched for whose words a reply has.

A reply has some fifteen words. For each word a table says which of several hundred patterns need
it, as the bits of one number, so a few operations on numbers tell which patterns may match. An
automaton that searches for all these words (`re2.Filter`) needs a new state for nearly each
character of each new reply: more memory than the processor's caches have. A pattern is compiled
when it is first tried, which most never are.
"""

import re
from collections import Counter
from collections.abc import Container, Iterable
from typing import Final

from bouncegate.classifier.phrases import Phrases
from bouncegate.classifier.requiredwords import (
    ANY_LETTERS,
    BEYOND_ASCII,
    DIGITS,
    Need,
    required_words,
)
from bouncegate.config.rulepatterns import LETTERS, whole_words

Bits = tuple[int, int, int]
"""The alternatives whose first, second and third need a word meets, as bits."""

_NONE: Final[Bits] = (0, 0, 0)
# Words of which the table remembers the bits, and their greatest length.
_REMEMBERED: Final = 8192
_LONGEST: Final = 32
# Texts that are remembered, and their greatest length: servers give many recipients the same reply.
_REMEMBERED_TEXTS: Final = 512
_LONGEST_TEXT: Final = 512
_ASCII_WORD: Final = re.compile(r"[a-z]+")
_WORD: Final = re.compile(rf"[{LETTERS}]+")
_LETTERS_ALONE: Final = bytes(o if 0x61 <= o <= 0x7A else 0x20 for o in range(256))
# How common words are that the patterns do not have so often.
_WEIGHT_OF_PART: Final = 30
_WEIGHT_OF_BEGINNING: Final = 4


class Candidates:
    """A text, which alternatives may match it, and which patterns have matched or not."""

    __slots__ = ("bits", "known", "octets", "text")

    def __init__(self, text: str, bits: int) -> None:
        """`bits`: one for each alternative."""
        self.text: Final = text
        self.octets: Final = text.encode()
        self.bits: Final = bits
        self.known: Final[dict[int, bool]] = {}


class RuleTexts:
    """The patterns (RE2) of all rules; they match whole words."""

    __slots__ = (
        "_bits_of_need", "_compiled", "_digits", "_longest_beginning", "_parts", "_patterns",
        "_remembered", "_texts", "_without_second", "_without_third", "numbers", "pattern_of",
    )  # fmt: skip

    def __init__(self, patterns: Iterable[tuple[int, str]]) -> None:
        """Take the patterns, each with the number of its rule."""
        ordered = sorted(patterns)
        self.numbers: Final = [number for number, _ in ordered]
        """The number of the rule of each pattern, in order."""
        self.pattern_of: Final[list[int]] = []
        """The pattern of each alternative, in order."""
        self._patterns: Final = [pattern for _, pattern in ordered]
        self._compiled: Final[list[Phrases | None]] = [None for _ in ordered]
        self._bits_of_need: Final[dict[str, Bits]] = {}
        self._remembered: Final[dict[str, Bits]] = {}
        self._texts: Final[dict[str, Candidates]] = {}
        self._without_second = 0
        self._without_third = 0
        weights = Counter(w for p in self._patterns for w in _ASCII_WORD.findall(p))

        def weight(need: Need) -> int:
            return sum(_weight(one, weights) for one in need)

        for place, pattern in enumerate(self._patterns):
            for alternative in required_words(pattern, weight) or [[]]:
                self._add(place, alternative)
        needs = [need for need in self._bits_of_need if need]
        self._parts: Final = [need[1:] for need in needs if need[0] == ANY_LETTERS]
        self._digits: Final = [need[1:] for need in needs if need[0] == DIGITS]
        beginnings = [len(need) - 1 for need in needs if need[-1] == ANY_LETTERS]
        self._longest_beginning: Final = max(beginnings, default=0)

    def _add(self, place: int, needs: list[Need]) -> None:
        bit = 1 << len(self.pattern_of)
        self.pattern_of.append(place)
        first, second, third = (needs[n] if n < len(needs) else Need() for n in range(3))
        for one in first or {""}:
            self._add_bits(one, (bit, 0, 0))
        for one in second:
            self._add_bits(one, (0, bit, 0))
        for one in third:
            self._add_bits(one, (0, 0, bit))
        self._without_second |= 0 if second else bit
        self._without_third |= 0 if third else bit

    def _add_bits(self, need: str, bits: Bits) -> None:
        self._bits_of_need[need] = _both(self._bits_of_need.get(need, _NONE), bits)

    def patterns(self, bits: int) -> list[int]:
        """The patterns that have one of these alternatives, in order."""
        found: list[int] = []
        last = -1
        while bits:
            lowest = bits & -bits
            bits ^= lowest
            pattern = self.pattern_of[lowest.bit_length() - 1]
            if pattern != last:
                found.append(pattern)
                last = pattern
        return found

    def bits_of(self, numbers: Container[int]) -> int:
        """The alternatives of these rules."""
        return sum(
            1 << alternative
            for alternative, place in enumerate(self.pattern_of)
            if self.numbers[place] in numbers
        )

    def candidates(self, text: str) -> Candidates:
        """The alternatives that a text in lower case may match."""
        known = self._texts.get(text)
        if known is not None:
            return known
        found = Candidates(text, self._bits_of_text(text))
        if len(text) <= _LONGEST_TEXT:
            if len(self._texts) >= _REMEMBERED_TEXTS:
                self._texts.clear()
            self._texts[text] = found
        return found

    def forget_texts(self) -> None:
        """Remember no text: for measurements."""
        self._texts.clear()

    def _bits_of_text(self, text: str) -> int:
        first, second, third = self._bits_of_need.get("", _NONE)
        second |= self._without_second
        third |= self._without_third
        for word in self._words(text):
            bits = self._remembered.get(word)
            if bits is None:
                bits = self._bits_of_word(word)
            first |= bits[0]
            second |= bits[1]
            third |= bits[2]
        for digits in self._digits:
            if digits in text:
                bits = self._bits_of_need[DIGITS + digits]
                first |= bits[0]
                second |= bits[1]
                third |= bits[2]
        return first & second & third

    def _words(self, text: str) -> list[str]:
        if text.isascii():
            return text.encode().translate(_LETTERS_ALONE).decode().split()
        # The rules end a word at any character that is no letter, `\b` at any beyond ASCII. RE2
        # takes the long s for an s, but not for a letter of ASCII.
        folded = text.replace("\u017f", "s")
        ascii_words = {*_ASCII_WORD.findall(text), *_ASCII_WORD.findall(folded)}
        return [BEYOND_ASCII, *_WORD.findall(folded), *ascii_words]

    def _bits_of_word(self, word: str) -> Bits:
        bits = self._bits_of_need.get(word, _NONE)
        for length in range(1, min(len(word), self._longest_beginning) + 1):
            bits = _both(bits, self._bits_of_need.get(word[:length] + ANY_LETTERS, _NONE))
        for part in self._parts:
            if part in word:
                bits = _both(bits, self._bits_of_need[ANY_LETTERS + part])
        if len(word) <= _LONGEST:
            if len(self._remembered) >= _REMEMBERED:
                # All at once: to know which was used last would cost more than it saves.
                self._remembered.clear()
            self._remembered[word] = bits
        return bits

    def matches(self, place: int, candidates: Candidates) -> bool:
        """Whether a text matches one of the patterns."""
        known = candidates.known.get(place)
        if known is None:
            known = candidates.known[place] = self._occurs(place, candidates.octets)
        return known

    def _occurs(self, place: int, octets: bytes) -> bool:
        compiled = self._compiled[place]
        if compiled is None:
            compiled = self._compiled[place] = Phrases((whole_words(self._patterns[place]),))
        return compiled.occur_in(octets)


def _both(one: Bits, other: Bits) -> Bits:
    return one[0] | other[0], one[1] | other[1], one[2] | other[2]


def _weight(need: str, weights: Counter[str]) -> int:
    if need[0] == ANY_LETTERS:
        return _WEIGHT_OF_PART
    if need[-1] == ANY_LETTERS:
        return weights[need[:-1]] + _WEIGHT_OF_BEGINNING
    return weights[need] + 1
