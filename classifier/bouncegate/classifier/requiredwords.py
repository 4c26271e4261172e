"""The words that a pattern of a rule requires.

What a pattern requires is read from its structure: a sequence requires what each of its elements
does, alternatives require one of what each of them does. What is not understood requires nothing,
so that no pattern is left out wrongly.
"""

import re
from collections.abc import Callable
from typing import Final

Need = frozenset[str]
"""What a text must have one of: a word; the beginning of one, `word*`; a part of one, `*word`;
digits anywhere, `=5.7.1`; any character beyond ASCII, `BEYOND_ASCII`."""
Weight = Callable[[Need], int]
"""How common it is: texts that lack what is rare are told apart best."""

ANY_LETTERS: Final = "*"
DIGITS: Final = "="
BEYOND_ASCII: Final = "\x80"
_ANY_BEYOND_ASCII: Final = Need((BEYOND_ASCII,))
_NOTHING: Final = Need()
_SHORTEST: Final = 2
# Stands in a stretch of words for characters that are not known, or may be missing.
_UNKNOWN: Final = "\0"
# Stands behind the last word of a pattern, which may have an ending.
_ENDING: Final = "\1"
_ENDINGS: Final = ("", "s", "d", "es", "ed", "ing")
# Stands behind a letter that may be missing.
_OPTIONAL: Final = "\2"
_OPTIONAL_LETTER: Final = re.compile(r".\x02")
_NOT_KNOWN: Final = re.compile(r".\x02|[\0\1]")

# An element of a pattern, and how often it occurs. A brace that is no repetition is taken for one
# that says nothing.
_ELEMENT: Final = re.compile(
    r"(\(\?:|\(|\)|\||\[\^?\]?(?:\\.|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\[pP].|\\.|.)"
    r"((?:[?*+]|\{[\d,]*\})*)",
    re.DOTALL,
)
# Quotations, and codes and classes of characters.
_NOT_UNDERSTOOD: Final = re.compile(r"\\[QEC]|\\x|\\\d|\[:\^?\w+:\]")
# What is no letter, and so ends a word: a digit too.
_SEPARATORS: Final = re.compile(
    r"\[-?[ !-,.-@_`]*-?\]|\\[sdb]|[^\\A-Za-z.\x80-\U0010ffff]|\\[^\\\w\x80-\U0010ffff]"
)
_SEPARATOR_BEHIND: Final = re.compile(r"(?: \?)?[ ,;:<>=/0-9-](?![?*{])")
_NO_LETTER: Final = re.compile(r"[^a-z\0\1\2]")
_DIGITS: Final = re.compile(r"[0-9.]{2,}")
_WORD: Final = re.compile(r"[a-z\0\1\2]+")
# RE2 takes the long s and the sign of Kelvin for ASCII letters of another case.
_LOOK_ALIKES: Final = "\u017f\u212a"


class _Group:
    """A group of alternatives, as far as it has been read."""

    __slots__ = ("_before", "_needs", "_needs_of_all", "_stretch", "_stretches")

    def __init__(self, before: str) -> None:
        """`before`: `""` if words may begin at its beginning, else `_UNKNOWN`."""
        self._before: Final = before
        self._stretch = before
        self._needs: list[Need] = []
        self._stretches: list[str] = []
        self._needs_of_all: list[list[Need]] = []

    @property
    def ends_word(self) -> bool:
        """Whether a word may begin here: what has been read ends with what is no letter."""
        return not self._stretch or _NO_LETTER.match(self._stretch[-1]) is not None

    def next_alternative(self) -> None:
        """End the alternative that is being read."""
        self._stretches.append(self._stretch)
        self._needs_of_all.append(self._needs)
        self._stretch = self._before
        self._needs = []

    def take(self, sign: str, times: str) -> None:
        """Read what is no group; `times`: how often it occurs."""
        if sign in {"^", "$"}:
            return
        if _may_be_missing(times):
            is_separator = self.ends_word and _SEPARATORS.fullmatch(sign)
            is_letter = times == "?" and len(sign) == 1 and sign.isascii() and sign.isalpha()
            self._stretch += (
                " " if is_separator else sign.lower() + _OPTIONAL if is_letter else _UNKNOWN
            )
        elif _SEPARATORS.fullmatch(sign):
            is_itself = len(sign) == 1 or not (sign[0] == "[" or sign[1].isalnum())
            self._stretch += sign[-1] + " " * bool(times) if is_itself else " "
        elif len(sign) > 1 or sign == ".":
            self._stretch += _UNKNOWN
        elif sign.isascii():
            self._stretch += sign.lower() + (_UNKNOWN if times else "")
        else:
            self._stretch += _UNKNOWN
            if sign not in _LOOK_ALIKES:
                self._needs.append(_ANY_BEYOND_ASCII)

    def take_group(self, group: "_Group", times: str, behind: str, weight: Weight) -> None:
        """Read a group; `behind`: the rest of the pattern."""
        group.next_alternative()
        missing = _may_be_missing(times)
        ended = all(stretch and _NO_LETTER.match(stretch[-1]) for stretch in group._stretches)
        tail = _UNKNOWN
        if not times and not behind:
            tail = _ENDING
        elif not times and _SEPARATOR_BEHIND.match(behind):
            tail = " "
        alternatives = group.needs(tail)
        if not missing:
            if len(alternatives) == 1:
                self._needs += alternatives[0]
            elif all(alternatives):
                rarest = (min(needs, key=weight) for needs in alternatives)
                self._needs.append(_NOTHING.union(*rarest))
        begins = self.ends_word
        self._stretch += _UNKNOWN
        if ended and (begins or not missing):
            self._stretch += " "

    def needs(self, behind: str) -> list[list[Need]]:
        """What each alternative requires, if this follows it."""
        return [
            needs + _needs_of(stretch + behind)
            for stretch, needs in zip(self._stretches, self._needs_of_all, strict=True)
        ]


def _may_be_missing(times: str) -> bool:
    return "?" in times or "*" in times or "{0" in times or "{," in times


def _needs_of(stretch: str) -> list[Need]:
    """What the words of a stretch require, or else a part of one of them."""
    found: list[Need] = []
    parts: list[str] = []
    for word in _WORD.findall(stretch):
        need = _need_of(word)
        if need:
            found.append(need)
        else:
            parts += [ANY_LETTERS + part for part in _NOT_KNOWN.split(word)]
    parts += [DIGITS + digits for digits in _DIGITS.findall(stretch)]
    part = max(parts, key=len, default="")
    if not found and len(part) > _SHORTEST:
        found.append(Need((part,)))
    return found


def _need_of(word: str) -> Need:
    """What a word requires, nothing if its first letters are not known."""
    if _OPTIONAL not in word:
        return _need_of_letters(word)
    if word.count(_OPTIONAL) > 1:
        return _NOTHING
    longer = _need_of_letters(word.replace(_OPTIONAL, ""))
    shorter = _need_of_letters(_OPTIONAL_LETTER.sub("", word))
    return longer | shorter if longer and shorter else _NOTHING


def _need_of_letters(word: str) -> Need:
    known = _NOT_KNOWN.split(word)[0]
    if known and known == word:
        return Need((word,))
    if known and word == known + _ENDING:
        return Need(known + ending for ending in _ENDINGS)
    return Need((known + ANY_LETTERS,)) if len(known) >= _SHORTEST else _NOTHING


def _behind(pattern: str, at: int, depth: int) -> str:
    """The characters behind a group, `""` where an alternative of the whole pattern ends."""
    return "" if depth == 1 and pattern[at : at + 1] == "|" else pattern[at : at + 4]


def required_words(pattern: str, weight: Weight) -> list[list[Need]]:
    """For each alternative of a pattern what it requires, the rarest first; `[]`: unknown.

    The pattern begins where a word does; its last word may have an ending.
    """
    if _NOT_UNDERSTOOD.search(pattern):
        return []
    groups = [_Group("")]
    for element in _ELEMENT.finditer(pattern):
        sign, times = element[1], element[2]
        group = groups[-1]
        if sign == "|":
            group.next_alternative()
        elif sign == "(" and times:
            return []  # flags, or a name
        elif sign in {"(", "(?:"}:
            groups.append(_Group("" if group.ends_word else _UNKNOWN))
        elif sign != ")":
            group.take(sign, times)
        elif len(groups) > 1:
            groups.pop()
            groups[-1].take_group(
                group, times, _behind(pattern, element.end(), len(groups)), weight
            )
    groups[0].next_alternative()
    needs = [sorted(needs, key=weight) for needs in groups[0].needs(_ENDING)]
    return needs if len(groups) == 1 and all(needs) else []
