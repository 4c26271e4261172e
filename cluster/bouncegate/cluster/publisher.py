"""The publisher: moves the changes of a machine's outbox into the shared log, in their order.

They stay in the outbox until the log has brought them back and they have taken effect, so nothing
is lost whenever this process or the engine dies. After either the same entries are appended once
more, which the log recognises by their numbers.

The engine may also lose what it had acknowledged (a failover to a standby that lagged). So each
call says which number came before, and a log that lacks it gets everything that still waits, before
anything newer passes it over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from bouncegate.cluster.errors import EntriesLost
from bouncegate.cluster.log import MAX_APPEND, MAX_ENTRIES, Log
from bouncegate.cluster.sealing import OVERHEAD, Sealer
from bouncegate.store.outbox import Outbox

_LOG: Final = logging.getLogger("bouncegate.cluster")
_LOOK_AGAIN: Final = 10.0
"""Seconds after which a log that brings nothing back is asked whether it still has the last."""
_OCTETS: Final = MAX_APPEND - MAX_ENTRIES * OVERHEAD


class Publisher:
    """Appends what waits to the log."""

    def __init__(
        self,
        outbox: Outbox,
        log: Log,
        sealer: Sealer,
        node: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` tells seconds since any time."""
        self._outbox = outbox
        self._log = log
        self._sealer = sealer
        self._node = node
        self._clock = clock
        self._published = 0
        self._next_look = clock() + _LOOK_AGAIN

    def publish(self, most: int = MAX_ENTRIES) -> int:
        """Append the next changes, as many as one call takes; returns how many they were.
        0: nothing is new.

        Raises EngineError and StoreError; what was not appended is so by the next call.
        """
        waiting = self._outbox.portion(self._published, most, _OCTETS)
        if waiting:
            self._append(waiting)
        elif self._clock() >= self._next_look:
            self._look_again()
        return len(waiting)

    def _append(self, waiting: list[tuple[int, bytes]]) -> None:
        seal, node = self._sealer.seal_entry, self._node
        self._next_look = self._clock() + _LOOK_AGAIN
        try:
            self._log.append(
                node, [(seq, seal(node, seq, body)) for seq, body in waiting], self._published
            )
        except EntriesLost as error:
            _LOG.warning("%s: it gets again what waits here", error)
            self._published = 0
        else:
            self._published = waiting[-1][0]

    def _look_again(self) -> None:
        """Append the last change once more if it still waits: a log that has it, has all before."""
        self._next_look = self._clock() + _LOOK_AGAIN
        last = self._outbox.portion(self._published - 1, 1, _OCTETS) if self._published else []
        if last and last[0][0] == self._published:
            self._append(last)
