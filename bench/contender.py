"""How long another writer waits for the store's write lock: a process that asks for it and lets go.

What it measures is the transaction of somebody else, whole: LMDB has one writer, and the lock is
held from the first write until the commit is on the disk.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final

from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.layout import open_environment

_PAUSE: Final = 0.005
_MAP: Final = Size(16 * 2**30)


class Contender:
    """Asks two hundred times a second, while it is entered."""

    def __init__(self, store: Path) -> None:
        self._store = store
        # Without a fork: the benchmark has threads.
        self._context: Final = multiprocessing.get_context("spawn")
        self._worst: Final[Synchronized[float]] = self._context.Value("d", 0.0)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the end."""
        process = self._context.Process(target=_ask, args=(self._store, self._worst), daemon=True)
        process.start()
        try:
            yield
        finally:
            process.terminate()
            process.join()

    def worst(self) -> float:
        """The longest wait in seconds since the last time."""
        with self._worst.get_lock():
            worst, self._worst.value = self._worst.value, 0.0
        return worst


def _ask(store: Path, worst: "Synchronized[float]") -> None:
    environment = open_environment(StoreSettings(path=store, map_size=_MAP), readonly=False)
    with closing(environment):
        while True:
            began = time.monotonic()
            with environment.begin(write=True):
                pass
            waited = time.monotonic() - began
            with worst.get_lock():
                worst.value = max(worst.value, waited)
            time.sleep(_PAUSE)
