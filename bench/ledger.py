"""What the signed return path, and the ledger of sends beside it, cost the milter itself.

Ours plain, with the return path signed, and with that and the ledger, one after the other in each
round: recipients a second over the milter protocol, where nothing else takes time, and processor
time of workers and ledger writer together, which hardly knows of what else the machine does. A rate
above 1 and a time below 1 are better. `python -m bench postfix` tells what is left of this in a
Postfix.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from bench import processor
from bench.daemons import Milter, ours
from bench.figures import spread
from bench.load import Load
from bench.lockedstore import locked_store
from bench.output import arguments, show

_SHAPES: Final = ((1, 1), (8, 1), (8, 50))
_SIGNED: Final = '[return_path]\ndomain = "return.sender.test"\n'
_WITHOUT_LEDGER: Final = _SIGNED + '[ledger]\nkeep = "0 days"\n'


class Spell(NamedTuple):
    """What was measured of one milter in one round."""

    rate: float
    """Recipients a second."""
    cost: float
    """Processor time of a recipient, in seconds."""


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows: list[dict[str, Any]] = []
    with locked_store(options.locks) as store, TemporaryDirectory(prefix="bgb") as name:
        folder = Path(name)
        load = Load(folder, store.mailing)
        with (
            ours(store.settings, folder) as plain,
            ours(store.settings, folder, "signed", _WITHOUT_LEDGER) as signed,
            ours(store.settings, folder, "recorded", _SIGNED) as recorded,
        ):
            milters = (plain, signed, recorded)
            for shape in _SHAPES:
                for milter in milters:
                    load.run(milter.socket, *shape, options.seconds / 4)
                rounds = [
                    [_spell(load, milter, shape, options.seconds) for milter in milters]
                    for _ in range(options.rounds)
                ]
                rows.append(_row(shape, rounds))
    show(
        f"signed return path and ledger, {options.rounds} rounds of {options.seconds:g} s",
        rows,
        as_json=options.json,
    )


def _spell(load: Load, milter: Milter, shape: tuple[int, int], seconds: float) -> Spell:
    before = processor.used(milter.pid)
    rate = load.run(milter.socket, *shape, seconds).rate
    return Spell(rate, (processor.used(milter.pid) - before) / (rate * seconds))


def _row(shape: tuple[int, int], rounds: Sequence[Sequence[Spell]]) -> dict[str, Any]:
    connections, recipients = shape
    return {
        "connections": connections,
        "recipients": recipients,
        "signed / plain": spread([signed.rate / plain.rate for plain, signed, _ in rounds]),
        "time": spread([signed.cost / plain.cost for plain, signed, _ in rounds]),
        "and ledger / signed": spread([both.rate / signed.rate for _, signed, both in rounds]),
        "its time": spread([both.cost / signed.cost for _, signed, both in rounds]),
    }


if __name__ == "__main__":
    main()
