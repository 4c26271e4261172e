"""The log in PostgreSQL."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from bouncegate.cluster.errors import EngineForked, EntriesForgotten
from bouncegate.cluster.log import MAX_READ, MAX_READ_OCTETS, Head, Row, check_entries
from bouncegate.cluster.postgresql.session import Connection, Session

POLL_EVERY: Final = 1.0
"""Seconds after which the head is looked at without a hint: NOTIFY does not reach a connection
that breaks meanwhile."""

_CHANNEL: Final = "bouncegate_log"
_APPEND: Final = "SELECT * FROM bouncegate.append(%s, %b::bigint[], %b::bytea[], %s::bigint)"
_HEAD: Final = "SELECT position, chain, forgotten FROM bouncegate.head"
_READ: Final = """
    SELECT position, node, seq, at, body, chain
    FROM (
        SELECT *, sum(octet_length(body)) OVER (ORDER BY position) AS octets
        FROM (
            SELECT * FROM bouncegate.log WHERE position > %s ORDER BY position LIMIT %s
        ) AS first
    ) AS counted
    WHERE octets <= %s OR position = %s
    ORDER BY position
"""


class PostgresqlLog:
    """A `Log`, for one thread."""

    def __init__(self, session: Session) -> None:
        """Use a session, which `close` closes."""
        self._session: Final = session
        self._listening: Connection | None = None

    def append(self, node: str, entries: Sequence[tuple[int, bytes]], after: int = 0) -> Head:
        """See `Log`."""
        check_entries(node, entries)
        numbers, bodies = [seq for seq, _ in entries], [body for _, body in entries]
        ((position, chain),) = self._session.fetch(_APPEND, (node, numbers, bodies, after))
        return Head(position, chain)

    def read(self, after: int, limit: int) -> list[Row]:
        """See `Log`."""
        values = (after, max(1, min(limit, MAX_READ)), MAX_READ_OCTETS, after + 1)
        for _ in range(2):  # what was appended between two statements is there the second time
            rows = [Row(*row) for row in self._session.fetch(_READ, values)]
            if rows and rows[-1].position == after + len(rows):
                return rows
            if not self._is_continued(after):
                return []
        raise EngineForked(f"the log has a gap behind position {after}: it was changed by hand")

    def wait(self, after: int, seconds: float) -> bool:
        """See `Log`. Where the engine is away, it waits for the next try to connect."""
        end = time.monotonic() + seconds
        self._session.rest(seconds)
        while True:
            self._session.call(self._listen)
            if self.head().position != after:
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._session.call(partial(_await_hint, seconds=min(left, POLL_EVERY)))

    def head(self) -> Head:
        """See `Log`."""
        position, chain, _ = self._ends()
        return Head(position, chain)

    def close(self) -> None:
        """See `Log`."""
        self._session.close()

    def _is_continued(self, after: int) -> bool:
        """Whether the log goes on behind a position where a read found nothing."""
        position, _, forgotten = self._ends()
        if after < forgotten:
            raise EntriesForgotten(
                f"the entries up to position {forgotten} are forgotten, and this machine has "
                f"applied {after}: let it join anew"
            )
        if position < after:
            raise EngineForked(
                f"the log ends at position {position}, and this machine has applied {after}: "
                "the engine lost its last entries (restored from a backup, or a failover)"
            )
        return position > after

    def _ends(self) -> tuple[int, bytes, int]:
        ((position, chain, forgotten),) = self._session.fetch(_HEAD)
        return position, chain, forgotten

    def _listen(self, connection: Connection) -> None:
        if self._listening is not connection:
            connection.execute(f"LISTEN {_CHANNEL}".encode())
            self._listening = connection


def _await_hint(connection: Connection, seconds: float) -> None:
    """Wait for a hint, and take all that are there."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass
