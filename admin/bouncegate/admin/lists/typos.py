"""Domains that were probably meant: `gmial.com` is one typing error away from `gmail.com`.

Errors are a letter too many, one too few, a wrong one, or two transposed: the restricted distance
of Damerau (1964). Two words within a distance of two become equal when each loses up to two
letters: an index of such remainders finds the candidates without a comparison with all.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final

# A short name has many valid neighbours: `gmx.de` and `gmx.at` have a distance of two.
_LONG: Final = 9
_SHORTEST: Final = 5
_MAX_DISTANCE: Final = 2
# The number of remainders grows with the square of the length.
_LONGEST: Final = 40
_REMEMBERED: Final = 65_536


class Typos:
    """Known domains that people mistype; immutable, for all threads of a process."""

    def __init__(self, known: Iterable[str]) -> None:
        """The most frequently meant domains come first."""
        self._known: Final = tuple(dict.fromkeys(known))
        self._rank: Final = {domain: rank for rank, domain in enumerate(self._known)}
        self._by_remainder: dict[str, list[str]] = {}
        self.meant: Final = lru_cache(_REMEMBERED)(self._meant)
        """The known domain that was probably meant; empty if it is known or like none."""

    def _meant(self, domain: str) -> str:
        if domain in self._rank or not _SHORTEST <= len(domain) <= _LONGEST:
            return ""
        near = {
            known for remainder in _remainders(domain) for known in self._index().get(remainder, ())
        }
        found = [(distance(domain, known), self._rank[known], known) for known in near]
        return next((known for n, _, known in sorted(found) if n <= _allowed(known)), "")

    def _index(self) -> dict[str, list[str]]:
        if not self._by_remainder:
            for known in self._known:
                for remainder in _remainders(known):
                    self._by_remainder.setdefault(remainder, []).append(known)
        return self._by_remainder


def distance(one: str, other: str) -> int:
    """The number of typing errors between two words."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        oldest, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, oldest[j - 2] + 1)
            row.append(least)
    return row[-1]


def _allowed(known: str) -> int:
    return _MAX_DISTANCE if len(known) >= _LONG else 1


def _remainders(word: str) -> Iterator[str]:
    """The word without up to two of its letters."""
    for left_out in range(_MAX_DISTANCE + 1):
        for places in combinations(range(len(word)), left_out):
            yield "".join(letter for position, letter in enumerate(word) if position not in places)
