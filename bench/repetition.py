"""How the time of reading grows with a message in which one thing comes again and again.

Everything that a reader knows is repeated in all parts of a message (`tests.fuzz.shapes`), so often
and twice as often; in seconds of the processor, the best of all rounds. Twice the octets may take
2.5 times as long. The shapes that grow the most are shown, and those that take the longest.
"""

import sys
import time
from functools import partial
from typing import Any, Final, NamedTuple

from tests.fuzz.shapes import repetitions, shape

from bench.output import arguments, show
from bouncegate.classifier.classified import Classify, classify_or_raise
from bouncegate.classifier.classifier import Classifier
from bouncegate.config.rules import load_rules

# Octets in each of the parts, half of what is read of words at most, and of that half.
_SIZES: Final = (25 * 2**10, 50 * 2**10)
# Below this, in seconds, twice the time is a matter of chance.
_LEAST: Final = 0.005
_MOST_GROWTH: Final = 2.5
_SHOWN: Final = 8
_CUT: Final = 40


class _Timed(NamedTuple):
    growth: float
    seconds: float
    what: str


def main() -> int:
    """Run it and print the figures; the exit code tells whether all is linear."""
    options = arguments(__doc__)
    read = partial(classify_or_raise, classifier=Classifier(load_rules()))
    timed = [_timed(read, parts, options.rounds) for parts in repetitions()]
    growing = sorted(timed, reverse=True)[:_SHOWN]
    slow = sorted(timed, key=lambda one: one.seconds, reverse=True)[:_SHOWN]
    title = f"{len(timed)} shapes, the {_SHOWN} that grow the most"
    show(title, [_row(one) for one in growing], as_json=options.json)
    show(f"the {_SHOWN} that take the longest", [_row(one) for one in slow], as_json=options.json)
    return int(growing[0].growth > _MOST_GROWTH)


def _timed(read: Classify, parts: tuple[str, str, str], rounds: int) -> _Timed:
    once, twice = (shape(*parts, size) for size in _SIZES)
    short, long = _best(read, once, 1), _best(read, twice, 1)
    if long > _LEAST and long / short > 2:
        short, long = min(short, _best(read, once, rounds)), min(long, _best(read, twice, rounds))
    growth = long / short if long > _LEAST else 0.0
    before, unit, behind = parts
    return _Timed(growth, long, f"{before[:_CUT]!r} {unit[:_CUT]!r} {behind!r}")


def _best(read: Classify, raw: bytes, rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        read(raw)
        best = min(best, time.process_time() - began)
    return best


def _row(timed: _Timed) -> dict[str, Any]:
    return {
        "before, again and again, behind": timed.what,
        "ms": round(timed.seconds * 1000, 1),
        "times half of it": round(timed.growth, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
