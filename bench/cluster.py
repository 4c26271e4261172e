"""What the log of a cluster takes: entries a second, and the lag from an append to its reading.

A PostgreSQL with syncing, in a temporary folder; three processes append through a connection each,
and a fourth one waits, reads, follows the chain and opens the seals. A sealed entry has 333 octets.
First at a pace, 20 appends a second each, then as fast as it goes, with 1, 10 and 100 entries an
append. Then one that was away reads all of that. The yardstick is a plain INSERT of the same row
with a number from a sequence, which has gaps and no chain; it takes turns with the appends of one
entry.
"""

import multiprocessing
import sys
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

from bench.figures import spread
from bench.output import arguments, show
from bouncegate.cluster.chain import follow
from bouncegate.cluster.log import Head
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.migrations import migrate
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.postgresql.target import Target
from bouncegate.cluster.sealing import Sealer
from lab import postgresql
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL

_NODES: Final = ("mx1", "mx2", "mx3")
_SEALER: Final = Sealer([bytes(range(32))])
_FILLING: Final = bytes(292)
_STAMP_OCTETS: Final = 8
_YARDSTICK: Final = """
    CREATE TABLE public.bare (number bigserial PRIMARY KEY, node text, seq bigint, at bigint,
        body bytea, chain bytea, UNIQUE (node, seq));
    ALTER TABLE public.bare ALTER COLUMN body SET STORAGE EXTERNAL
"""
_INSERT: Final = """
    INSERT INTO public.bare (node, seq, at, body, chain) VALUES (%s, %s, 0, %b, %b)
    RETURNING number
"""
Entries = list[tuple[int, bytes]]


class Load(NamedTuple):
    """What each publisher does."""

    append: Callable[[Session, str, Entries], object]
    entries: int
    seconds: float
    pause: float = 0.0
    """Seconds from the start of an append to that of the next, at least."""


class Found(NamedTuple):
    """What came of a round."""

    rate: float
    """Entries a second of all publishers."""
    lags: list[float]
    """Milliseconds, ascending."""

    def lag(self, share: float) -> float:
        """A percentile."""
        return self.lags[int(share * (len(self.lags) - 1))]


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    if not postgresql.is_installed():
        sys.exit("bench: PostgreSQL is not installed; ./run bench installs it")
    with LabFolder() as folder:
        server = PostgreSQL(folder, fast=False)
        server.start()
        with closing(Session(Target(server.conninfo()))) as owner:
            migrate(owner)
        server.psql(_YARDSTICK)
        rounds = _Rounds(server.conninfo())
        paced, ten, hundred = (
            [rounds.followed(load) for _ in range(options.rounds)]
            for load in (
                Load(_append, 1, options.seconds, pause=0.05),
                Load(_append, 10, options.seconds),
                Load(_append, 100, options.seconds),
            )
        )
        one, bare = list[Found](), list[Found]()
        for _ in range(options.rounds):
            one.append(rounds.followed(Load(_append, 1, options.seconds)))
            bare.append(Found(rounds.published(Load(_insert, 1, options.seconds)), []))
        behind = [rounds.caught_up() for _ in range(options.rounds)]
    ratio = [ours.rate / plain.rate for ours, plain in zip(one, bare, strict=True)]
    rows = [
        _row("20 appends a second each, 1 entry", paced),
        _row("flat out, 1 entry an append", one, spread(ratio)),
        _row("yardstick: a plain INSERT", bare, "1"),
        _row("flat out, 10 entries an append", ten),
        _row("flat out, 100 entries an append", hundred),
        _row("read by one that was away", behind),
    ]
    show("cluster", rows, as_json=options.json)


class _Rounds:
    """Rounds on one server; the numbers of entries rise from round to round."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._next = 1

    def followed(self, load: Load) -> Found:
        """Publish while another process reads."""
        here, there = multiprocessing.Pipe()
        reader = multiprocessing.Process(target=_follow, args=(self._conninfo, there))
        reader.start()
        there.close()
        here.recv()
        rate = self.published(load)
        with closing(_log(self._conninfo)) as log:
            here.send(log.head().position)
        lags: list[float] = here.recv()
        reader.join()
        return Found(rate, sorted(lags))

    def caught_up(self) -> Found:
        """Read, follow and open everything from the beginning on, in this process."""
        with closing(_log(self._conninfo)) as log:
            rows = log.read(0, 1)
            stand, began = Head(1, rows[0].chain), time.monotonic()
            while rows := log.read(stand.position, 1_000):
                stand = follow(stand, rows)
                for row in rows:
                    _SEALER.open_entry(row.node, row.seq, row.body)
            return Found(stand.position / (time.monotonic() - began), [])

    def published(self, load: Load) -> float:
        """Entries a second of all publishers together."""
        pipes = [multiprocessing.Pipe() for _ in _NODES]
        processes = [
            multiprocessing.Process(
                target=_publish, args=(self._conninfo, node, self._next, load, there)
            )
            for node, (_, there) in zip(_NODES, pipes, strict=True)
        ]
        for process, (_, there) in zip(processes, pipes, strict=True):
            process.start()
            there.close()
        rates: list[float] = [here.recv() for here, _ in pipes]
        for process in processes:
            process.join()
        self._next += 10_000_000
        return sum(rates)


def _publish(conninfo: str, node: str, first: int, load: Load, pipe: Connection) -> None:
    with closing(Session(Target(conninfo))) as session:
        session.fetch("SELECT 1")
        seq, began = first, time.monotonic()
        while (now := time.monotonic()) < began + load.seconds:
            load.append(session, node, [_entry(node, seq + n) for n in range(load.entries)])
            seq += load.entries
            if load.pause:
                time.sleep(max(now + load.pause - time.monotonic(), 0.0))
        pipe.send((seq - first) / (time.monotonic() - began))


def _entry(node: str, seq: int) -> tuple[int, bytes]:
    stamp = time.monotonic_ns().to_bytes(_STAMP_OCTETS, "big")
    return seq, _SEALER.seal_entry(node, seq, stamp + _FILLING)


def _append(session: Session, node: str, entries: Entries) -> None:
    PostgresqlLog(session).append(node, entries)


def _insert(session: Session, node: str, entries: Entries) -> None:
    for seq, body in entries:
        session.fetch(_INSERT, (node, seq, body, bytes(32)))


def _follow(conninfo: str, pipe: Connection) -> None:
    """Read until the position that is told, and give the lags in milliseconds."""
    with closing(_log(conninfo)) as log:
        stand, end, lags = log.head(), None, list[float]()
        log.wait(stand.position, 0.0)
        pipe.send("ready")
        while end is None or stand.position < end:
            if log.wait(stand.position, 0.1):
                rows = log.read(stand.position, 1_000)
                stand = follow(stand, rows)
                bodies = [_SEALER.open_entry(row.node, row.seq, row.body) for row in rows]
                now = time.monotonic_ns()
                stamps = (int.from_bytes(body[:_STAMP_OCTETS], "big") for body in bodies)
                lags += [(now - stamp) / 1e6 for stamp in stamps]
            if end is None and pipe.poll():
                end = pipe.recv()
        pipe.send(lags)


def _log(conninfo: str) -> PostgresqlLog:
    return PostgresqlLog(Session(Target(conninfo)))


def _row(what: str, found: list[Found], ratio: str = "") -> dict[str, Any]:
    followed = [one for one in found if one.lags]
    return {
        "three connections": what,
        "entries a second": spread([one.rate for one in found], 0),
        "lag, median, ms": spread([one.lag(0.5) for one in followed], 1) if followed else "",
        "lag, 99 %, ms": spread([one.lag(0.99) for one in followed], 1) if followed else "",
        "of the yardstick": ratio,
    }


if __name__ == "__main__":
    main()
