"""What the look-up costs as the store grows: 1, 10 and 50 million locks, warm and cold.

The table of locks alone, filled in the order of its keys, with addresses of 36 octets. Half of the
look-ups are for locked addresses. Warm: after as many look-ups as are then measured. Cold: the file
has left the page cache, and every look-up is for another page. `--sizes 1 10 50` needs 6 GB of
disk, and the memory to keep it warm.
"""

import os
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.output import arguments, show
from bouncegate.config.settings import StoreSettings
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.milter.refusal.recipient import folded_key
from bouncegate.policy.records import Lock, Origin
from bouncegate.store.layout import LOCKS, open_environment
from bouncegate.store.lockrecord import pack
from bouncegate.store.locktable import LockTable

_MILLION: Final = 1_000_000
_ASKED: Final = 200_000
_COLD: Final = 2_000
_PORTION: Final = 500_000


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows: list[dict[str, Any]] = []
    for size in options.sizes:
        with TemporaryDirectory(prefix="bouncegate-bench-") as name:
            row = _measure(StoreSettings(path=Path(name)), size * _MILLION, options.rounds)
        row["of the first"] = round(row["warm, us"] / (rows[0] if rows else row)["warm, us"], 2)
        rows.append(row)
    show("look-up at so many million locks", rows, as_json=options.json)


def _measure(settings: StoreSettings, locks: int, rounds: int) -> dict[str, Any]:
    start = time.monotonic()
    _fill(settings, locks)
    filled = time.monotonic() - start
    data = settings.path / "data.mdb"
    cold = _median(settings, _recipients(locks, _COLD, seed=1), warm=False)
    warm = statistics.median(
        _median(settings, _recipients(locks, _ASKED, seed=2), warm=True) for _ in range(rounds)
    )
    return {
        "million locks": locks // _MILLION,
        "warm, us": round(warm, 2),
        "cold, us": round(cold, 1),
        "octets a lock": round(data.stat().st_size / locks),
        "s to fill": round(filled),
    }


def _fill(settings: StoreSettings, locks: int) -> None:
    record = pack(
        Lock(Kind.HARD, Category.ADDRESS, Reason.USER_UNKNOWN, Origin.AUTOMATIC, 0, 2**31, 1)
    )
    environment = open_environment(settings, readonly=False)
    table = environment.open_db(LOCKS)
    for first in range(0, locks, _PORTION):
        with environment.begin(write=True, db=table) as transaction, transaction.cursor() as cursor:
            numbers = range(first, min(first + _PORTION, locks))
            cursor.putmulti(((_address(2 * n), record) for n in numbers), append=True)
    environment.close()


def _address(number: int) -> bytes:
    """Addresses in the order of their numbers; every second one is locked."""
    return b"reader.%010d@mail%04d.example" % (number, number % 2003)


def _recipients(locks: int, count: int, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    return [b"<%b>" % _address(chance.randrange(2 * locks)) for _ in range(count)]


def _median(settings: StoreSettings, recipients: list[bytes], *, warm: bool) -> float:
    """The median of the look-ups, in microseconds, in a process that has just opened the store."""
    if not warm:
        _forget(settings.path / "data.mdb")
    table = LockTable.open(settings)
    if warm:
        for _ in _timed(table, recipients):
            pass
    took = statistics.median(_timed(table, recipients))
    table.close()
    return took


def _timed(table: LockTable, recipients: list[bytes]) -> Iterator[float]:
    clock, find = time.perf_counter_ns, table.find
    for recipient in recipients:
        start = clock()
        key = folded_key(recipient)
        assert key is not None
        find(key)
        yield (clock() - start) / 1000


def _forget(path: Path) -> None:
    """Let the file's pages leave the page cache; nobody else's pages are touched."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


if __name__ == "__main__":
    main()
