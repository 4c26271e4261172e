"""What counting for [metrics] costs the milter, and what a scrape and a lock_count of locks cost.

The cost of a recipient is taken twice: alone, around a step that does nothing, and on a milter that
is asked over its protocol, with and without, in turn, as processor time a recipient.
"""

import statistics
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from prometheus_client import generate_latest

from bench.daemons import Milter, ours
from bench.figures import spread
from bench.load import Load
from bench.lockedstore import LockedStore, locked_store
from bench.output import arguments, show
from bench.processor import used
from bouncegate.config.settings import MetricsSettings, Settings
from bouncegate.daemon.metrics.bounces import BounceCounts
from bouncegate.daemon.metrics.collector import Figures, Maintained
from bouncegate.daemon.metrics.lockcount import LockCount
from bouncegate.daemon.scoreboard import Scoreboard
from bouncegate.milter.counts import FIGURES, Counts
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_CALLS: Final = 500_000


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with locked_store(options.locks) as store, TemporaryDirectory(prefix="bgb") as name:
        folder = Path(name)
        without, with_ = _answers(store, folder, options.rounds, options.seconds)
        ratios = [a / b for a, b in zip(with_, without, strict=True)]
        lock_count, scrape = _scraped(store, folder)
        rows: list[dict[str, Any]] = [
            {"figure": "counting a recipient, us", "value": _alone()},
            {"figure": "a recipient without, us of processor", "value": statistics.median(without)},
            {"figure": "a recipient with, us of processor", "value": statistics.median(with_)},
            {"figure": "with, of without", "value": spread(ratios)},
            {"figure": "a lock_count of the locks, s of processor", "value": lock_count},
            {"figure": "a scrape, ms of processor", "value": scrape * 1000},
        ]
    show(f"counting, {options.locks:,} locks", rows, as_json=options.json)


def _alone() -> float:
    (row,) = Scoreboard.in_memory(FIGURES).take(1)

    def nothing(*_: object) -> int:
        return 0

    def cost(step: Any) -> float:
        began = time.process_time()
        for _ in range(_CALLS):
            step(None, b"<somebody@example.com>")
        return (time.process_time() - began) / _CALLS * 1e6

    timed = Counts(row.counters).timed(nothing)
    return statistics.median(cost(timed) - cost(nothing) for _ in range(5))


def _answers(
    store: LockedStore, folder: Path, rounds: int, seconds: float
) -> tuple[list[float], list[float]]:
    load = Load(folder, store.mailing)
    asked = f'[metrics]\ntextfile = "{folder}/x.prom"\ncounters = "{folder}/counters"\n'
    without: list[float] = []
    with_: list[float] = []
    with (
        ours(store.settings, folder, "without") as plain,
        ours(store.settings, folder, "with", asked) as counting,
    ):
        for _ in range(rounds):
            without.append(_processor(load, plain, seconds))
            with_.append(_processor(load, counting, seconds))
    return without, with_


def _processor(load: Load, milter: Milter, seconds: float) -> float:
    began = used(milter.pid)
    figures = load.run(milter.socket, 2, 50, seconds)
    return (used(milter.pid) - began) / (figures.rate * seconds) * 1e6


def _scraped(store: LockedStore, folder: Path) -> tuple[float, float]:
    """Seconds of processor time for a whole lock_count, and for a scrape."""
    settings = Settings(store=store.settings, metrics=MetricsSettings(counters=folder / "counters"))

    def no_ledger() -> Ledger:
        raise StoreMissing("none is maintained here")

    with closing(Store.open(store.settings)) as opened:
        lock_count = LockCount(opened)
        maintained = Maintained(lock_count, BounceCounts(opened), Counter())
        figures = Figures(settings, opened, maintained, no_ledger)
        registry = figures.registry()
        began = time.process_time()
        lock_count.take(threading.Event())
        counted = time.process_time()
        for _ in range(20):
            generate_latest(registry)
        return counted - began, (time.process_time() - counted) / 20


if __name__ == "__main__":
    main()
