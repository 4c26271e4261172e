"""What the map daemon answers: look-ups a second, and how long one takes, at 1 and 8 connections.

Each connection asks one question at a time, as Postfix does; 2 in 100 are for locked recipients.
Figures are the median of all rounds, with the lowest and the highest in brackets.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.daemons import map_daemon
from bench.lockedstore import locked_store
from bench.native import compiled
from bench.output import arguments, show

_CONNECTIONS: Final = (1, 8)


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with locked_store(options.locks) as store, TemporaryDirectory(prefix="bgb") as name:
        folder = Path(name)
        program = compiled("socketmap.c", folder)
        addresses = folder / "addresses.txt"
        addresses.write_text("\n".join(store.mailing) + "\n")
        with map_daemon(store.settings, folder) as daemon:
            _run(program, daemon.socket, 1, options.seconds / 4, addresses)
            rows = [
                _row(
                    connections,
                    [
                        _run(program, daemon.socket, connections, options.seconds, addresses)
                        for _ in range(options.rounds)
                    ],
                )
                for connections in _CONNECTIONS
            ]
    show(
        f"socketmap, {options.locks:,} locks, {options.rounds} rounds of {options.seconds:g} s",
        rows,
        as_json=options.json,
    )


def _run(program: Path, *words: object) -> dict[str, float]:
    argv = [str(program), *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {program} ended with {done.returncode}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    if found["failures"]:
        sys.exit(f"bench: {found['failures']} connections failed")
    return found


def _row(connections: int, rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    share = statistics.median(one["found"] / one["lookups"] for one in rounds)
    return {
        "connections": connections,
        "look-ups/s": _spread([one["rate"] for one in rounds], 0),
        "p50 us": _spread([one["p50"] for one in rounds], 1),
        "refused": f"{share:.2%}",
    }


def _spread(values: Sequence[float], digits: int) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


if __name__ == "__main__":
    main()
