"""What the signed return path, and the ledger of sends beside it, cost the milter itself.

Ours plain, with the return path signed, and with that and the ledger, one after the other in each
round: recipients a second over the milter protocol, where nothing else takes time. The scribe runs
on the same cores. `python -m bench postfix` tells what is left of this in a Postfix.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.daemons import ours
from bench.load import Load
from bench.lockedstore import locked_store
from bench.output import arguments, show

_SHAPES: Final = ((1, 1), (8, 1), (8, 50))
_SIGNED: Final = '[return_path]\ndomain = "return.sender.test"\n'
_WITHOUT_LEDGER: Final = _SIGNED + '[ledger]\nkeep = "0 days"\n'


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
                    [load.run(milter.socket, *shape, options.seconds).rate for milter in milters]
                    for _ in range(options.rounds)
                ]
                rows.append(_row(shape, rounds))
    show(
        f"signed return path and ledger, {options.rounds} rounds of {options.seconds:g} s",
        rows,
        as_json=options.json,
    )


def _row(shape: tuple[int, int], rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    connections, recipients = shape
    return {
        "connections": connections,
        "recipients": recipients,
        "signed / plain": _spread([signed / plain for plain, signed, _ in rounds]),
        "and ledger / signed": _spread([recorded / signed for _, signed, recorded in rounds]),
    }


def _spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
