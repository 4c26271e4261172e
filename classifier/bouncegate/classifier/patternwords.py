"""The words that the patterns of rules and readers look for, as they stand in a notice.

Who changes a notice leaves them in place, so that it is still recognized.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

from bouncegate.classifier.readers.registry import READERS
from bouncegate.config.rules import Rules

# An escape is no part of the word behind it: `\bfull`, `\sbecause`.
_ESCAPE: Final = re.compile(r"\\(?:[pP]\{\^?\w+\}|x\{[0-9A-Fa-f]+\}|.)", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


def words_of(patterns: Iterable[str]) -> frozenset[str]:
    """The words of three letters and more in regular expressions, in lower case."""
    return frozenset(
        word.lower() for pattern in patterns for word in _WORD.findall(_ESCAPE.sub(" ", pattern))
    )


def words_of_rules(rules: Rules) -> frozenset[str]:
    """The words that rules look for in a reply."""
    return words_of(chain.from_iterable(rule.text for rule in rules.rules))


WORDS_OF_READERS: Final = words_of(reader.pattern for reader in READERS)
"""The words by which readers know their family of notices."""
