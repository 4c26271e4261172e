"""What a regular expression cannot do without: words that stand in every text it matches.

A text that lacks them need not be shown to the expression. They are found by following its
structure: a sequence needs what each of its elements needs, alternatives one of what each of
them needs. What is not understood needs nothing, so no word is ever asked for wrongly.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

Words = frozenset[str]

# Spellings of one stretch of text that are multiplied out, as the four of `e-?mail(?:box)?`.
_MOST_SPELLINGS: Final = 32
# A longer word is no rarer, and an operator may write a pattern of any length.
_LONGEST: Final = 80
# A shorter word is in every text.
_SHORTEST: Final = 2
_FLAGS: Final = frozenset("imsU")
# Flags that hold for whatever stands behind them, in other alternatives too.
_FLAG_BEHIND: Final = re.compile(r"\(\?\w+\)")
_ZERO_WIDTH: Final = frozenset("AbBz")
_KINDS_OF_CHARACTERS: Final = frozenset("dDsSwWC")
_PROPERTIES: Final = frozenset("pP")
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


class Alternative(NamedTuple):
    """One of the alternatives that a whole expression offers."""

    pattern: str
    needs: tuple[Words, ...]
    """Sets of words, case folded: each match has a word of every set. The rarest come first."""
    proven: bool
    """Whether any word of the one set is a match by itself, in a text of ASCII."""


class _Shape(NamedTuple):
    """What is known of the texts that a part of an expression matches."""

    spellings: Words | None
    """All of them, case folded, if they are few."""
    needs: tuple[Words, ...]
    """As in `Alternative`, where the spellings are many."""
    exact: bool
    """Whether every occurrence of one of the spellings is a match."""


_ANYTHING: Final = _Shape(None, (), False)
_EMPTY: Final = _Shape(frozenset({""}), (), True)
_BETWEEN: Final = _Shape(frozenset({""}), (), False)


def alternatives(pattern: str) -> list[Alternative]:
    """The alternatives of an expression (RE2) that is matched without regard to case."""
    try:
        return _Reader(pattern).outermost()
    except (IndexError, ValueError, RecursionError):
        return [Alternative(pattern, (), False)]


class _Reader:
    """An expression read from left to right.

    IndexError and ValueError tell of what is not understood.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern: Final = pattern
        self._at = 0

    def outermost(self) -> list[Alternative]:
        """The alternatives of the whole; one alone where a flag holds for all behind it."""
        found: list[Alternative] = []
        read = self._alternatives if _FLAG_BEHIND.search(self._pattern) else self._sequence
        while not found or self._took("|"):
            begin = self._at
            shape = read()
            needs = _needs(shape)
            pattern = self._pattern[begin : self._at]
            found.append(Alternative(pattern, needs, shape.exact and len(needs) == 1))
        if self._at < len(self._pattern):
            raise ValueError(self._pattern)
        return found

    def _alternatives(self) -> _Shape:
        """What stands up to the end of the group."""
        shapes = [self._sequence()]
        while self._took("|"):
            shapes.append(self._sequence())
        return _any_of(shapes)

    def _sequence(self) -> _Shape:
        shapes: list[_Shape] = []
        while self._next() not in {"", "|", ")"}:
            shapes.append(self._quantified(self._element()))
        return _all_of(shapes)

    def _quantified(self, shape: _Shape) -> _Shape:
        """The element with the quantifiers that stand behind it."""
        while (sign := self._next()) in {"?", "*", "+", "{"}:
            self._at += 1
            if sign == "?":
                shape = _any_of([shape, _EMPTY])
            elif sign == "*" or (sign == "{" and self._up_to("}").startswith("0")):
                shape = _ANYTHING
            else:
                shape = _Shape(None, _needs(shape), False)
        return shape

    def _element(self) -> _Shape:
        sign = self._take()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._class()
        if sign == "\\":
            return self._escape()
        if sign in {"^", "$"}:
            return _BETWEEN
        return _ANYTHING if sign == "." else _spelt(sign)

    def _group(self) -> _Shape:
        if self._took("?"):
            flags = ""
            while (sign := self._take()) not in {":", ")"}:
                flags += sign
            if not _FLAGS.issuperset(flags):
                raise ValueError(flags)
            if sign == ")":
                return _EMPTY
        shape = self._alternatives()
        if not self._took(")"):
            raise ValueError(self._pattern)
        return shape

    def _class(self) -> _Shape:
        """A class: its members are spellings, if each is named."""
        named = not self._took("^")
        members: list[str] = []
        while (sign := self._take()) != "]" or not members:
            if sign == "[" and self._next() == ":":
                raise ValueError(self._pattern)
            if sign == "\\":
                sign = self._take()
                named = named and not sign.isalnum()
            named = named and sign != "-"
            members.append(sign)
        if not named:
            return _ANYTHING
        return _Shape(frozenset(m.casefold() for m in members), (), "".join(members).isascii())

    def _escape(self) -> _Shape:
        sign = self._take()
        if sign in _ZERO_WIDTH:
            return _BETWEEN
        if sign in _KINDS_OF_CHARACTERS:
            return _ANYTHING
        if sign in _PROPERTIES:
            if self._take() == "{":
                self._up_to("}")
            return _ANYTHING
        if sign.isalnum():
            if sign not in _CONTROLS:
                raise ValueError(sign)
            sign = _CONTROLS[sign]
        return _spelt(sign)

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        sign = self._pattern[self._at]
        self._at += 1
        return sign

    def _took(self, sign: str) -> bool:
        taken = self._next() == sign
        self._at += taken
        return taken

    def _up_to(self, sign: str) -> str:
        begin, end = self._at, self._pattern.index(sign, self._at)
        self._at = end + 1
        return self._pattern[begin:end]


def _spelt(text: str) -> _Shape:
    return _Shape(frozenset({text.casefold()}), (), text.isascii())


def _any_of(shapes: Sequence[_Shape]) -> _Shape:
    """The alternatives: each must need a word, or the whole needs none."""
    if len(shapes) == 1:
        return shapes[0]
    spellings = _union(shape.spellings for shape in shapes)
    if spellings is not None and len(spellings) <= _MOST_SPELLINGS:
        return _Shape(spellings, (), all(shape.exact for shape in shapes))
    words: set[str] = set()
    for shape in shapes:
        needs = _needs(shape)
        if not needs:
            return _ANYTHING
        words |= needs[0]
    return _Shape(None, (frozenset(words),), False)


def _union(groups: Iterable[Words | None]) -> Words | None:
    union: set[str] = set()
    for words in groups:
        if words is None:
            return None
        union |= words
    return frozenset(union)


def _all_of(shapes: Sequence[_Shape]) -> _Shape:
    """A sequence: neighbouring spellings are joined, and the needs of all are its own."""
    needs: list[Words] = []
    joined = _EMPTY
    whole = True
    for shape in shapes:
        if shape.spellings is not None and joined.spellings is not None:
            product = frozenset(a + b for a in joined.spellings for b in shape.spellings)
            if len(product) <= _MOST_SPELLINGS and max(map(len, product)) <= _LONGEST:
                joined = _Shape(product, (), joined.exact and shape.exact)
                continue
        whole = False
        needs += _needs(joined)
        joined = _EMPTY if shape.spellings is None else shape
        needs += shape.needs
    if whole:
        return joined
    needs += _needs(joined)
    return _Shape(None, tuple(sorted(set(needs), key=_rarity, reverse=True)), False)


def _needs(shape: _Shape) -> tuple[Words, ...]:
    if shape.spellings is None:
        return shape.needs
    return (shape.spellings,) if min(map(len, shape.spellings)) >= _SHORTEST else ()


def _rarity(words: Words) -> tuple[int, int]:
    """The longer the shortest word, and the fewer they are, the fewer texts have one."""
    return min(map(len, words)), -len(words)
