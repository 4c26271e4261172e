"""What each command that shows something costs at a million addresses.

The calls are those of the tests' table (`tests/unit/cli/everycommand.py`), in a store with bounces,
locks, lists and an incident, and a million addresses besides (`bench.lists`). Of each: seconds
until something can be read, seconds of processor time until the end, and megabytes of its own. It
fails if the first takes more than a second where rows come one by one, or a command more than 60 s
or 200 MB.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.unit.cli import everycommand

from bench.figures import cost_of_command
from bench.lists import fill
from bench.output import arguments, show
from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.store import Store

_MAP: Final = Size(16 * 2**30)
_MOST_SECONDS: Final = 60.0
_MOST_MEGABYTES: Final = 200.0
_MOST_TO_FIRST: Final = 1.0
# Those that page through a list; the others count, sort or check all of it before they can speak.
_PAGES: Final = ("show", "explain", "list", "audit", "incident", "requests", "trace", "summary")
_SORTS: Final = ("--sort", "--now")
_MOST_CODE: Final = 127
"""Some tell what they found by their exit code."""


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with TemporaryDirectory(prefix="bouncegate-bench-") as name:
        folder = Path(name)
        everycommand.make_place(folder)
        _enlarge(folder, options.locks)
        rows = list(_rows(folder))
    show(f"commands at {options.locks:,} addresses", rows, as_json=options.json)
    sys.exit(any(row["too much"] for row in rows))


def _enlarge(folder: Path, addresses: int) -> None:
    config = folder / "bouncegate.toml"
    config.write_text(config.read_text().replace('"64 MiB"', f'"{_MAP.octets // 2**20} MiB"'))
    settings = StoreSettings(path=folder / "store", map_size=_MAP)
    with closing(Store.open(settings)) as store:
        fill(store, addresses)


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    config = folder / "bouncegate.toml"
    for line in everycommand.SHOWING.splitlines():
        words = everycommand.words(line, folder)
        first = _to_first_line(config, words)
        cost = cost_of_command(config, words, _MOST_CODE)
        over = {
            "first line": _is_page(words) and first > _MOST_TO_FIRST,
            "time": cost.processor > _MOST_SECONDS,
            "memory": cost.megabytes > _MOST_MEGABYTES,
        }
        yield {
            "command": line.replace(f"{folder}/", ""),
            "first line, s": round(first, 2),
            "s": round(cost.processor, 1),
            "MB": round(cost.megabytes, 1),
            "too much": ", ".join(name for name, is_over in over.items() if is_over),
        }


def _is_page(words: list[str]) -> bool:
    return words[0] in _PAGES and not set(words) & set(_SORTS)


def _to_first_line(config: Path, words: list[str]) -> float:
    """Seconds until something can be read, as somebody waits for it who asks `| head`."""
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), *words]
    began = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 4096)
        took = time.monotonic() - began
        process.stdout.close()
        process.wait(600)
    return took


if __name__ == "__main__":
    main()
