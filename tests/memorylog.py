"""A fake: a log in memory, for tests of what applies one. It keeps the rules of a real engine."""

import threading
import time
from collections.abc import Callable, Sequence

from bouncegate.cluster.chain import blanked, chain_of
from bouncegate.cluster.errors import EngineForked, EntriesForgotten, EntriesLost, NodeConflict
from bouncegate.cluster.log import MAX_READ, MAX_READ_OCTETS, Head, Row, check_entries


def _now() -> int:
    return time.time_ns() // 1_000_000


class MemoryLog:
    """A `Log`, shared by all that hold it; `at` tells milliseconds since 1970."""

    def __init__(self, at: Callable[[], int] = _now) -> None:
        self._at = at
        self._rows: list[Row] = []
        self._start = Head(0, bytes(32))
        self._changed = threading.Condition()
        self._forgotten = dict[str, int]()

    def append(self, node: str, entries: Sequence[tuple[int, bytes]], after: int = 0) -> Head:
        check_entries(node, entries)
        with self._changed:
            known = {row.seq: row for row in self._rows if row.node == node}
            last = max(known, default=self._forgotten.get(node, 0))
            if after > last:
                raise EntriesLost(f"the log has entries up to {last} and lost those up to {after}")
            new = [entry for entry in entries if entry[0] > last]
            for seq, body in entries[: len(entries) - len(new)]:
                if seq > self._forgotten.get(node, 0):
                    self._compare(known.get(seq), seq, body)
            for seq, body in new:
                position, chain = self._head()
                at = max(self._at(), self._rows[-1].at if self._rows else 0)
                row = Row(position + 1, node, seq, at, body, b"")
                self._rows.append(row._replace(chain=chain_of(chain, row)))
            self._changed.notify_all()
            return self._head()

    def read(self, after: int, limit: int) -> list[Row]:
        with self._changed:
            if after > self._head().position:
                raise EngineForked("the log ends before")
            if after < self._start.position:
                raise EntriesForgotten("the log begins behind it")
            found, octets = list[Row](), 0
            for row in self._rows[after - self._start.position :][: max(1, min(limit, MAX_READ))]:
                octets += len(row.body)
                if found and octets > MAX_READ_OCTETS:
                    break
                found.append(row)
            return found

    def wait(self, after: int, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._head().position > after, seconds)

    def head(self) -> Head:
        with self._changed:
            return self._head()

    def close(self) -> None:
        """Nothing is held."""

    @property
    def begins_after(self) -> int:
        """The last position that is forgotten."""
        return self._start.position

    def blank(self, positions: Sequence[int]) -> None:
        """Leave of these rows' bodies only the hashes."""
        with self._changed:
            for position in positions:
                at = position - self._start.position - 1
                self._rows[at] = self._rows[at]._replace(body=blanked(self._rows[at].body))

    def forget(self, up_to: int) -> None:
        """Keep no row up to a position."""
        with self._changed:
            gone = self._rows[: up_to - self._start.position]
            self._forgotten |= {row.node: row.seq for row in gone}
            self._rows = self._rows[len(gone) :]
            self._start = Head(gone[-1].position, gone[-1].chain) if gone else self._start

    def lose(self, behind: int) -> None:
        """Go back to a position, as an engine that is restored from a backup."""
        with self._changed:
            self._rows = self._rows[: behind - self._start.position]

    def _head(self) -> Head:
        return Head(self._rows[-1].position, self._rows[-1].chain) if self._rows else self._start

    @staticmethod
    def _compare(row: Row | None, seq: int, body: bytes) -> None:
        if row is None:
            raise NodeConflict(f"entry {seq} comes after a later one")
        if blanked(row.body) != blanked(body):
            raise NodeConflict(f"entry {seq} is there with another body")
