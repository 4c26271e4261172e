"""Bounces recorded since the process started, read from the journal, so that every handler counts.

`receive` is a process a message and could keep no counter of its own; the journal has them all.
"""

import threading
from collections import Counter
from itertools import islice
from typing import Final, NamedTuple

from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.records import Event
from bouncegate.store.store import Store

# Some ten milliseconds of one read transaction.
_SLICE: Final = 2000


class BounceLabels(NamedTuple):
    """What bounces are counted by."""

    kind: str
    category: str
    reason: str
    trust: str
    held: str
    """`yes` where an incident kept it from counting."""


class BounceCounts:
    """Counters of the bounces that were recorded."""

    def __init__(self, store: Store) -> None:
        """Count what is recorded from now on; raises StoreError."""
        self._store = store
        self._next = store.journal.last() + 1
        self.bounces: Counter[BounceLabels] = Counter()

    def follow(self, stop: threading.Event) -> None:
        """Count what has come since the last time; raises StoreError."""
        while not stop.is_set():
            entries = list(islice(self._store.journal.entries(self._next), _SLICE))
            self.bounces.update(_labels(entry) for _, entry in entries if isinstance(entry, Event))
            if entries:
                self._next = entries[-1][0] + 1
            if len(entries) < _SLICE:
                return


def _labels(event: Event) -> BounceLabels:
    held = "yes" if event.held else "no"
    kind = reported_kind(event)
    return BounceLabels(kind, event.category, event.reason.general, event.trust, held)
