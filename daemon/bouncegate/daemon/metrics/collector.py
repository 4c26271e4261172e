"""All metrics of one scrape."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from bouncegate.config.settings import Settings
from bouncegate.daemon.metrics.bounces import BounceCounts, BounceLabels
from bouncegate.daemon.metrics.families import counters, gauge, gauges
from bouncegate.daemon.metrics.lockcount import LockCount, Sort
from bouncegate.daemon.metrics.store import ledger_figures, store_figures
from bouncegate.daemon.metrics.workers import board_figures, last_send
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.lastbackup import last_backup
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_LOG: Final = logging.getLogger("bouncegate.metrics")

OpenLedger = Callable[[], Ledger]
"""Gives the ledger, opened once in this process, or raises StoreError."""


class Maintained(NamedTuple):
    """Figures that other tasks keep up to date, so that no scrape has to look for them."""

    lock_count: LockCount
    bounce_counts: BounceCounts
    dns_answers: Counter[str]
    """Domains that were looked up, by the status that DNS gave."""


class Figures:
    """The metrics of a scrape; a source that fails leaves its metrics out and counts as an
    error.
    """

    def __init__(
        self, settings: Settings, store: Store, maintained: Maintained, ledger: OpenLedger
    ) -> None:
        """Tell of a store, of a ledger, and of what other tasks maintain."""
        self._settings = settings
        self._store = store
        self._maintained = maintained
        self._ledger = ledger

    def registry(self) -> CollectorRegistry:
        """A registry with these figures and no others."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return registry

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are not looked for before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every figure that can be had."""
        yield gauges("build_info", "The version.", ["version"], [([version("bouncegate")], 1)])
        sources: dict[str, Callable[[], Iterator[Metric]]] = {
            "counters": self._of_boards,
            "store": self._of_store,
            "ledger": self._of_ledger,
        }
        failed = []
        for name, source in sources.items():
            try:
                yield from list(source())
            except (StoreError, OSError) as error:
                failed.append(name)
                _LOG.warning("no figures of the %s: %s", name, error)
        yield gauges(
            "source_failed",
            "Sources whose figures are missing.",
            ["source"],
            (([name], name in failed) for name in sources),
        )

    def _of_boards(self) -> Iterator[Metric]:
        yield from board_figures(self._settings.metrics.counters)

    def _of_store(self) -> Iterator[Metric]:
        settings, now = self._settings, int(time.time())
        names = settings.metrics.sender_domains
        yield from store_figures(self._store, settings.alarm, now, names_senders=names)
        last = last_backup(settings.store.path)
        yield gauge(
            "backup_timestamp_seconds", "When the store was last saved.", last.time if last else 0
        )
        limit = settings.alarm.backup.after(0)
        yield gauge("backup_age_limit_seconds", "[alarm] backup; 0: any age is right.", limit)
        yield gauges(
            "locks",
            "Locks in force, as last counted.",
            Sort._fields,
            self._maintained.lock_count.locks.items(),
        )
        yield gauge(
            "locks_counted_timestamp_seconds", "When they were.", self._maintained.lock_count.time
        )
        yield counters(
            "bounces",
            "Bounces that were recorded since the start of maintain.",
            BounceLabels._fields,
            self._maintained.bounce_counts.bounces.copy().items(),
        )

        yield counters(
            "dns_answers",
            "Domains that were looked up since the start of maintain, by their status.",
            ["status"],
            (([status], n) for status, n in self._maintained.dns_answers.copy().items()),
        )

    def _of_ledger(self) -> Iterator[Metric]:
        if not self._settings.keeps_ledger:
            return
        try:
            ledger = self._ledger()
        except StoreMissing:  # no send yet
            return
        yield from ledger_figures(ledger, last_send(self._settings.metrics.counters))
