"""The round trip at RCPT, beside the same look-up in one threaded process of C.

Both answer from the same store. They are measured in turn, and each round gives one ratio: what
else the machine does then falls on both. A ratio is ours divided by C's, the median of all rounds
with the lowest and the highest in brackets: a rate above 1 and a p50 below 1 mean that
ours is faster. The processor time of a recipient is the figure that hardly knows of other work.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from bench import processor
from bench.daemons import Milter, ours, yardstick
from bench.figures import spread
from bench.load import Figures, Load, loads
from bench.lockedstore import locked_store
from bench.output import arguments, show

# (connections, recipients a message)
_SHAPES: Final = ((1, 1), (8, 1), (8, 50))


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows = []
    with locked_store(options.locks) as store, TemporaryDirectory(prefix="bgb") as name:
        folder = Path(name)
        for load in loads(folder, store.mailing):
            # Each load meets a milter that knows no other MTA.
            with ours(store.settings, folder) as mine, yardstick(store.settings, folder) as other:
                for shape in _SHAPES:
                    load.run(mine.socket, *shape, options.seconds / 4)
                    load.run(other.socket, *shape, options.seconds / 4)
                    pairs = [
                        _pair(load, mine, other, shape, options.seconds)
                        for _ in range(options.rounds)
                    ]
                    rows.append(_row(load, shape, pairs))
    show(
        f"milter protocol, {options.locks:,} locks, {options.rounds} rounds of "
        f"{options.seconds:g} s",
        rows,
        as_json=options.json,
    )


class _Spell(NamedTuple):
    """What was measured of one milter in one round."""

    figures: Figures
    cost: float
    """Processor time of a recipient, in seconds."""


def _pair(
    load: Load, mine: Milter, other: Milter, shape: tuple[int, int], seconds: float
) -> tuple[_Spell, _Spell]:
    return _spell(load, mine, shape, seconds), _spell(load, other, shape, seconds)


def _spell(load: Load, milter: Milter, shape: tuple[int, int], seconds: float) -> _Spell:
    before = processor.used(milter.pid)
    figures = load.run(milter.socket, *shape, seconds)
    return _Spell(figures, (processor.used(milter.pid) - before) / (figures.rate * seconds))


def _row(
    load: Load, shape: tuple[int, int], spells: Sequence[tuple[_Spell, _Spell]]
) -> dict[str, Any]:
    connections, per_message = shape
    pairs = [(mine.figures, other.figures) for mine, other in spells]
    return {
        "load": load.name,
        "connections": connections,
        "recipients": per_message,
        "rate / C's": spread([mine.rate / other.rate for mine, other in pairs]),
        "p50 / C's": spread([mine.p50 / other.p50 for mine, other in pairs]),
        "time / C's": spread([mine.cost / other.cost for mine, other in spells]),
        "rate": round(statistics.median(mine.rate for mine, _ in pairs)),
        "p50 us": round(statistics.median(mine.p50 for mine, _ in pairs), 1),
        "refused": f"{statistics.median(mine.refused_share for mine, _ in pairs):.2%}",
    }


if __name__ == "__main__":
    main()
