"""Whether a Message-ID can be guessed by who has not seen it.

A Message-ID need only be unique (RFC 5322, 3.6.4). Most hold the time, a counter, a process id or,
with Postfix, the queue id, all of which others can guess; some hold what was drawn by chance. What
counts here as unguessable is a UUID of version 4 (RFC 9562, 5.4: 122 bits), or letters and digits
in a row that change between digits, small and capital letters as only chance makes them. It is
better to believe too few: a random number in digits alone looks like a clock.
"""

import re
from itertools import pairwise
from typing import Final

_UUID: Final = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)
# 20 hexadecimal digits are 80 bits. Hexadecimal digits drawn by chance change between digits and
# letters at nearly every second place, a date with a word behind it once or twice.
_SHORTEST: Final = 20
_CHANGES: Final = 6
_RUN: Final = re.compile(rf"[0-9A-Za-z]{{{_SHORTEST},}}")


def is_unguessable(message_id: str) -> bool:
    """Whether the part before the `@` holds what chance has drawn."""
    left = message_id.strip("<>").rpartition("@")[0]
    return _UUID.search(left) is not None or any(map(_is_random, _RUN.findall(left)))


def _is_random(run: str) -> bool:
    return sum(_class(a) != _class(b) for a, b in pairwise(run)) >= _CHANGES


def _class(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2
