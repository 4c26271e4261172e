"""What the ledger of sends and the signed return path cost the send path.

Ours plain beside ours with both, one after the other in each round: recipients a second over the
milter protocol. Every message ends with a return path that is signed and an entry handed to the
scribe, which runs on the same cores.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.daemons import Milter, ours
from bench.load import Load
from bench.lockedstore import locked_store
from bench.output import arguments, show

_SHAPES: Final = ((1, 1), (8, 1), (8, 50))
_SIGNED: Final = '[return_path]\ndomain = "return.sender.test"\n'


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows: list[dict[str, Any]] = []
    with locked_store(options.locks) as store, TemporaryDirectory(prefix="bgb") as name:
        folder = Path(name)
        load = Load(folder, store.mailing)
        with (
            ours(store.settings, folder) as plain,
            ours(store.settings, folder, "signed", _SIGNED) as signed,
        ):
            for shape in _SHAPES:
                for milter in (plain, signed):
                    load.run(milter.socket, *shape, options.seconds / 4)
                ratios = [
                    _ratio(load, plain, signed, shape, options.seconds)
                    for _ in range(options.rounds)
                ]
                rows.append(_row(shape, ratios))
    show(
        f"ledger and signed return path, {options.rounds} rounds of {options.seconds:g} s",
        rows,
        as_json=options.json,
    )


def _ratio(
    load: Load, plain: Milter, signed: Milter, shape: tuple[int, int], seconds: float
) -> float:
    before = load.run(plain.socket, *shape, seconds).rate
    return load.run(signed.socket, *shape, seconds).rate / before


def _row(shape: tuple[int, int], ratios: Sequence[float]) -> dict[str, Any]:
    connections, recipients = shape
    return {
        "connections": connections,
        "recipients": recipients,
        "rate / plain": f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
    }


if __name__ == "__main__":
    main()
