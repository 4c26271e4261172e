"""The delay before a worker that died is replaced: none, except in a crash loop."""

from typing import Final

LONGEST: Final = 60.0
# A worker that lived this long was no part of a crash loop.
_LONG_LIFE: Final = 60.0


class Backoff:
    """The delays for one place among the workers: 0 s, then 1, 2, 4 ... 60 s in a crash loop."""

    def __init__(self) -> None:
        self._delay = 0.0

    def after(self, lifetime: float) -> float:
        """Seconds to wait before the successor of a worker that lived `lifetime` seconds."""
        delay = 0.0 if lifetime >= _LONG_LIFE else self._delay
        self._delay = min(2 * delay, LONGEST) or 1.0
        return delay
