"""What memory each daemon takes for itself, after some seconds of its work.

Anonymous memory (RssAnon of proc(5)): what a process has that no other shares. The locks that it
reads are pages of the store's file, which all share with the page cache, and are not counted.
"""

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.daemons import ours
from bench.dsns import LmtpLoad
from bench.figures import family, own_memory
from bench.load import Load
from bench.lockedstore import locked_store
from bench.native import compiled
from bench.output import arguments, show
from lab.bouncegate import Bouncegate
from lab.folder import LabFolder

_SIGNED = '[return_path]\ndomain = "return.sender.test"\n'


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows: list[dict[str, Any]] = []
    with locked_store(min(options.locks, 1_000_000)) as store, TemporaryDirectory("bgb") as name:
        folder = Path(name)
        load = Load(folder, store.mailing)
        with ours(store.settings, folder, "memory", _SIGNED) as milter:
            load.run(milter.socket, 8, 50, options.seconds)
            supervisor, *rest = family(milter.pid)
            *workers, ledger_writer = sorted(rest)
            rows.append(_row("milter, supervisor", supervisor))
            rows += [_row(f"milter, worker {n}", pid) for n, pid in enumerate(workers, 1)]
            rows.append(_row("milter, ledger writer", ledger_writer))
        with ours(store.settings, folder, "map", command="map") as daemon:
            argv: list[object] = [
                compiled("socketmap.c", folder),
                daemon.socket,
                8,
                options.seconds,
            ]
            argv.append(folder / "addresses.txt")  # which the load has written
            subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.DEVNULL)
            rows.append(_row("map", daemon.pid))
    rows += _others(options.seconds)
    show("memory of its own", rows, as_json=options.json)


def _others(seconds: float) -> list[dict[str, Any]]:
    with LabFolder() as folder:
        gate = Bouncegate(folder, folder.path / "sockets", {"guard": {"enabled": False}})
        handler = gate.start_return_path()
        LmtpLoad(folder.path).run(gate, 8, seconds)
        time.sleep(1)
        supervisor, *workers = family(handler.pid)
        rows = [_row("return-path, supervisor", supervisor)]
        rows += [_row(f"return-path, worker {n}", pid) for n, pid in enumerate(workers, 1)]
        return rows


def _row(name: str, pid: int) -> dict[str, Any]:
    return {"process": name, "MB": round(own_memory(pid) / 1e6, 1)}


if __name__ == "__main__":
    main()
