"""Whether a stranger can guess a Message-ID.

A Message-ID need only be unique (RFC 5322, 3.6.4). Most contain the time, a counter, a process id
or, with Postfix, the queue id, all of which others can guess; some contain random data. A
Message-ID counts as unguessable if it has a UUID of version 4 (RFC 9562, 5.4: 122 bits), or a run
of letters and digits that changes between digits, small and capital letters as often as random data
does. The test is strict: a random number in digits alone looks like a clock and does not count.
"""

import re
from itertools import pairwise
from typing import Final

_UUID: Final = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)
# 20 hexadecimal digits are 80 bits. Random hexadecimal digits change between digits and letters at
# nearly every second place, a date followed by a word once or twice.
_SHORTEST: Final = 20
_CHANGES: Final = 6
_RUN: Final = re.compile(rf"[0-9A-Za-z]{{{_SHORTEST},}}")


def is_unguessable(message_id: str) -> bool:
    """Whether the part before the `@` contains random data."""
    left = message_id.strip("<>").rpartition("@")[0]
    return _UUID.search(left) is not None or any(map(_is_random, _RUN.findall(left)))


def _is_random(run: str) -> bool:
    return sum(_class(a) != _class(b) for a, b in pairwise(run)) >= _CHANGES


def _class(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2
