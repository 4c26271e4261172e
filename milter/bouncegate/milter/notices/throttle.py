"""How many notices leave an hour: a bucket that fills at an even rate and holds a few."""

from typing import Final

_HOUR: Final = 3600.0
_AT_ONCE: Final = 20


class Throttle:
    """So many an hour, and no more than a few at once after a rest."""

    def __init__(self, an_hour: int, now: float) -> None:
        """The bucket is full at first; `now` and all later times are in seconds."""
        self._rate = an_hour / _HOUR
        self._most = float(min(an_hour, _AT_ONCE))
        self._left = self._most
        self._seen = now

    def allows(self, now: float) -> bool:
        """Whether one may leave now; it is counted if it may."""
        self._left = min(self._left + (now - self._seen) * self._rate, self._most)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
