"""What the file operations of a store cost at a million locks: in one process, after each other.

The locks are made by acts of a thousand addresses whose time is up at the same moment, as an
import makes them, so that one key of the table of ends has thousands of values. Of each operation:
how long it took, and the highest memory of the process so far. The store lies in the folder for
temporary files (TMPDIR).
"""

import resource
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.lockedstore import locked_store
from bench.output import arguments, show
from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.policy.fold import Policy
from bouncegate.store.layout import open_environment, set_layout
from bouncegate.store.store import Store
from bouncegate.store.tools.backup import Source, make_backup
from bouncegate.store.tools.compaction import compact
from bouncegate.store.tools.restore import restore
from bouncegate.store.tools.upgrade import upgrade
from bouncegate.store.tools.verify.verification import verify
from bouncegate.store.writerlock import WriterLock

_FOLD: Final = Policy(PolicySettings(), ()).fold
_OLD: Final = 1


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with locked_store(options.locks) as locked, TemporaryDirectory() as folder:
        title = f"file operations at {options.locks:,} locks"
        rows = _rows(locked.settings, Path(folder))
    show(title, rows, as_json=options.json)


def _rows(settings: StoreSettings, folder: Path) -> list[dict[str, Any]]:
    now, target = int(time.time()), folder / "backup"
    works: dict[str, Callable[[], None]] = {
        "backup": lambda: _back_up(settings, target, now),
        "verify": lambda: _verify(settings),
        "compact": lambda: _compact(settings),
        "restore": lambda: _restore(settings, target, now),
        "upgrade": lambda: _upgrade(settings, now),
    }
    rows = []
    for name, work in works.items():
        began = time.monotonic()
        work()
        took = time.monotonic() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        size = (settings.path / "data.mdb").stat().st_size // 2**20
        rows.append({"": name, "s": round(took, 1), "highest memory, MiB": memory, "MiB": size})
    return rows


def _back_up(settings: StoreSettings, target: Path, now: int) -> None:
    with closing(Store.open(settings, readonly=True)) as store:
        make_backup(Source(settings.path, store, None), target, now)


def _verify(settings: StoreSettings) -> None:
    if found := next(verify(settings, _FOLD), None):
        raise SystemExit(f"the store is not sound: {found}")


def _compact(settings: StoreSettings) -> None:
    with (
        WriterLock.exclusive(settings.path) as writer_lock,
        closing(Store.open(settings, readonly=True)) as store,
    ):
        compact(settings.path, writer_lock, store)


def _restore(settings: StoreSettings, source: Path, now: int) -> None:
    restore(source, settings.path, now, lambda _: None, replace=True)


def _upgrade(settings: StoreSettings, now: int) -> None:
    with closing(open_environment(settings, readonly=False)) as environment:
        set_layout(environment, _OLD)
    upgrade(settings, _FOLD, now)


if __name__ == "__main__":
    main()
