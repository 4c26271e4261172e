"""How long each transaction of bulk work holds the write lock, and how much of that is ours.

Locks are imported, lifted, and then let go of by the retention, in a store in the folder for
temporary files (TMPDIR), whose file system is shown. No transaction should hold the
lock for more than 50 ms: for each work the longest by the clock, the longest commit, which waits
for the disk, and the longest by the processor time of its thread. The first row is a bare sync of
64 KiB, by which a disk that others use is known.
"""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal, NamedTuple, cast

from bench.output import arguments, show
from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Origin
from bouncegate.store.bulk import MOST_AT_ONCE, Bulk
from bouncegate.store.environment import Environment
from bouncegate.store.layout import open_environment
from bouncegate.store.store import Store

_FOLD: Final = Policy(PolicySettings(), ()).fold
_NOW: Final = 1_790_000_000
_LATER: Final = _NOW + 10 * 365 * 86_400
_SYNCS: Final = 200
_OCTETS: Final = 65_536
_ALLOWED: Final = 0.05


class _Held(NamedTuple):
    """One transaction; in seconds."""

    whole: float
    commit: float
    processor: float


class _Watched:
    """An environment whose write transactions are timed, from the lock on to its release."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.held: list[_Held] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)

    def begin(self, **options: Any) -> Any:
        if options.get("write"):
            return self._timed(**options)
        return self._environment.begin(**options)

    @contextmanager
    def _timed(self, **options: Any) -> Iterator[Any]:
        with self._environment.begin(**options) as transaction:
            began, processor = time.monotonic(), time.thread_time()
            yield transaction
            worked = time.monotonic()
        ended = time.monotonic()
        self.held.append(_Held(ended - began, ended - worked, time.thread_time() - processor))


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    names = [f"reader.{n:08d}@mail{n % 2000}.de" for n in range(options.locks)]
    random.Random(7).shuffle(names)
    with tempfile.TemporaryDirectory() as folder:
        kind = subprocess.check_output(["stat", "-f", "-c", "%T", folder], text=True).strip()
        rows = [_row("a bare sync", _syncs(Path(folder)), 0.0)]
        for work, order in (("in any order", list[str]), ("in order", sorted)):
            store = Path(folder, work)
            store.mkdir()
            rows += _works(store, work, order(names))
    show(f"{options.locks:,} addresses, on {kind}", rows, as_json=options.json)


def _works(folder: Path, order: str, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    settings = StoreSettings(path=folder, map_size=Size(16 * 2**30))
    environment = _Watched(open_environment(settings, readonly=False))
    with closing(Store(cast("Environment", environment))) as store:
        bulk = Bulk(store, folder)
        works: list[tuple[str, Callable[[], object]]] = [
            (f"locked, {order}", lambda: bulk.carry_out(_acts("lock", names), _FOLD)),
            (f"unlocked, {order}", lambda: bulk.carry_out(_acts("unlock", names), _FOLD)),
        ]
        if order == "in order":
            forget = store.retention.expire_entries
            works.append(("retention", lambda: forget(_LATER, _LATER, _FOLD)))
        for name, work in works:
            environment.held.clear()
            began = time.monotonic()
            work()
            yield _row(name, environment.held, time.monotonic() - began)


def _acts(verb: Literal["lock", "unlock"], names: Sequence[str]) -> Iterator[Act]:
    for start in range(0, len(names), MOST_AT_ONCE):
        some = tuple(names[start : start + MOST_AT_ONCE])
        yield Act(some, _NOW, verb, "root", "benchmark", origin=Origin.IMPORTED)


def _syncs(folder: Path) -> list[_Held]:
    found: list[_Held] = []
    with (folder / "synced").open("wb", 0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(_OCTETS))
            began, processor = time.monotonic(), time.thread_time()
            os.fdatasync(file.fileno())
            took = time.monotonic() - began
            found.append(_Held(took, took, time.thread_time() - processor))
    return found


def _row(name: str, held: Sequence[_Held], took: float) -> dict[str, Any]:
    def ms(values: Iterator[float], of: Callable[[Sequence[float]], float] = max) -> float:
        return round(of(list(values)) * 1000, 1)

    return {
        "": name,
        "s": round(took, 1),
        "transactions": len(held),
        "median ms": ms((h.whole for h in held), median),
        "longest": ms(h.whole for h in held),
        "over 50": sum(h.whole > _ALLOWED for h in held),
        "commit": ms(h.commit for h in held),
        "processor": ms(h.processor for h in held),
    }


if __name__ == "__main__":
    main()
