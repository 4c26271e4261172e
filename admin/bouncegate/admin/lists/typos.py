"""Domains that were probably meant: `gmial.com` is one slip of the keys away from `gmail.com`.

A slip is a letter too many, one too few, a wrong one, or two that changed places: the distance of
Damerau (1964) in its restricted form. Words that are so close have a word in common when each loses
a letter or two, which is how the near ones are found without comparing with all.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final

# A short name has many neighbours that are right: `gmx.de` and `gmx.at` are two slips apart.
_LONG: Final = 9
_SHORTEST: Final = 5
_MAX_DISTANCE: Final = 2
# No longer domain is worth it: the number of its remainders grows with the square.
_LONGEST: Final = 40
_REMEMBERED: Final = 65_536


class Typos:
    """The domains that people mistype; immutable, and shared by all threads of a process."""

    def __init__(self, known: Iterable[str]) -> None:
        """Know these domains, those that people mean most often first."""
        self._known: Final = tuple(dict.fromkeys(known))
        self._rank: Final = {domain: rank for rank, domain in enumerate(self._known)}
        self._by_remainder: dict[str, list[str]] = {}
        self.meant: Final = lru_cache(_REMEMBERED)(self._meant)
        """The known domain that was probably meant; empty for one that is known or like none."""

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
    """How many slips of the keys lie between two words."""
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
    """The word with up to two letters left out."""
    for left_out in range(_MAX_DISTANCE + 1):
        for places in combinations(range(len(word)), left_out):
            yield "".join(letter for place, letter in enumerate(word) if place not in places)
