"""The publisher: moves the changes of a machine's outbox into the shared log, in their order.

They stay in the outbox until the log has brought them back and they have taken effect, so nothing
is lost whenever this process or the engine dies. After either the same entries are appended once
more, which the log recognises by their numbers.
"""

from __future__ import annotations

from typing import Final

from bouncegate.cluster.log import MAX_APPEND, MAX_ENTRIES, Log
from bouncegate.cluster.sealing import OVERHEAD, Sealer
from bouncegate.store.outbox import Outbox

_OCTETS: Final = MAX_APPEND - MAX_ENTRIES * OVERHEAD


class Publisher:
    """Appends what waits to the log."""

    def __init__(self, outbox: Outbox, log: Log, sealer: Sealer, node: str) -> None:
        self._outbox = outbox
        self._log = log
        self._sealer = sealer
        self._node = node
        self._published = 0

    def publish(self, most: int = MAX_ENTRIES) -> int:
        """Append the next changes, as many as one call takes; returns how many they were.

        Raises EngineError and StoreError; what was not appended is so by the next call.
        """
        waiting = self._outbox.portion(self._published, most, _OCTETS)
        if waiting:
            seal, node = self._sealer.seal_entry, self._node
            self._log.append(node, [(seq, seal(node, seq, body)) for seq, body in waiting])
            self._published = waiting[-1][0]
        return len(waiting)
