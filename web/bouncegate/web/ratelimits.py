"""How often somebody may ask: token buckets, and delays that grow with each wrong password.

Both are in memory: a reload forgets them, which costs an attacker more than it gives.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Final

_MOST_KEYS: Final = 10_000
_FREE_FAILURES: Final = 5
_LONGEST_DELAY: Final = 300.0
_FORGOTTEN_AFTER: Final = 3600.0


class Buckets:
    """A bucket for each key, which fills at a rate and holds a burst."""

    def __init__(self, rate: float, burst: float) -> None:
        """All are full; `rate` a second."""
        self.rate: Final = rate
        self.burst: Final = burst
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: Hashable, now: float) -> float:
        """Take one; returns 0, or in how many seconds there will be one."""
        with self._lock:
            level, then = self._levels.pop(key, (self.burst, now))
            level = min(self.burst, level + max(0.0, now - then) * self.rate)
            wait = 0.0 if level >= 1 else (1 - level) / self.rate
            self._levels[key] = (level if wait else level - 1, now)
            if len(self._levels) > _MOST_KEYS:
                self._levels.popitem(last=False)
        return wait


class Delays:
    """How long to wait before the next try, for an account and for a client."""

    def __init__(self) -> None:
        """Nobody has failed yet."""
        self._failures: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, key: Hashable, now: float) -> float:
        """In how many seconds there may be another try; 0: now."""
        with self._lock:
            count, last = self._failures.get(key, (0, now))
            if now - last >= _FORGOTTEN_AFTER:
                return 0.0
            return max(0.0, last + delay_after(count) - now)

    def failed(self, key: Hashable, now: float) -> None:
        """Another wrong try."""
        with self._lock:
            count, last = self._failures.pop(key, (0, now))
            count = 0 if now - last >= _FORGOTTEN_AFTER else count
            self._failures[key] = (count + 1, now)
            if len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """The right password: all is forgotten."""
        with self._lock:
            self._failures.pop(key, None)


def delay_after(failures: int) -> float:
    """Seconds to wait after so many wrong passwords in a row."""
    if failures < _FREE_FAILURES:
        return 0.0
    return min(_LONGEST_DELAY, 2.0 ** min(failures - _FREE_FAILURES, 30))
