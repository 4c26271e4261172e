"""What the look-up of a lock costs, beside the same key asked of LMDB by py-lmdb alone.

Ours is what the milter does for each recipient: from the octets of RCPT TO to the record, its
address canonicalised and, where it has no lock, its domain asked for as well. The raw get is
`with environment.begin() as t: t.get(key)` with a key that is ready. The step at RCPT is all of it
for a recipient without a lock, also with `[lists] invalid = "refuse"`. Also how much of the
disk a lock takes, and how much memory of its own a milter worker has after a mailing.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.daemons import ours
from bench.figures import family, own_memory
from bench.load import Load
from bench.lockedstore import LockedStore, locked_store
from bench.output import arguments, show
from bouncegate.config.loading import loads
from bouncegate.daemon.scoreboard import Scoreboard
from bouncegate.milter.rcpt import Locks, RcptStep
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts
from bouncegate.milter.refusal.recipient import folded_key
from bouncegate.milter.refusal.undeliverable import Known, undeliverable_by
from bouncegate.store.layout import LOCKS, open_environment
from bouncegate.store.locktable import LockTable

Lookup = Callable[[bytes], object]


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with locked_store(options.locks) as store:
        asked, raw, timer = _lookups(store, options.rounds)
        rows: list[dict[str, Any]] = [
            _row("look-up as the milter does it, us", asked, 2.0),
            _row("raw get of py-lmdb, us", raw, None),
            _row("of each, the clock itself, us", timer, None),
            _row("the step at RCPT, us", _step(store, options.rounds, ""), None),
            _row(
                '... with [lists] invalid = "refuse"',
                _step(store, options.rounds, '[lists]\ninvalid = "refuse"\n'),
                None,
            ),
            _row("store, octets a lock", store.octets_a_lock, 150),
            _row("a worker's own memory, MB", _memory(store, options.seconds), 60),
        ]
    show(f"lookup, {options.locks:,} locks", rows, as_json=options.json)


def _row(figure: str, value: float, at_most: float | None) -> dict[str, Any]:
    return {"figure": figure, "value": round(value, 3), "at most": at_most or "-"}


def _lookups(store: LockedStore, rounds: int) -> list[float]:
    """Ours, the raw get, and nothing at all: medians of alternating rounds, in microseconds."""
    keys = [address.encode() for address in store.mailing]
    recipients = [b"<%b>" % key for key in keys]
    # LMDB must not be opened twice in a process: both ask the same environment.
    environment = open_environment(store.settings, readonly=True)
    locks = environment.open_db(LOCKS, create=False)
    find = LockTable(environment).find

    def ask(recipient: bytes) -> object:
        key = folded_key(recipient)
        return key and find(key)

    def get(key: bytes) -> object:
        with environment.raw.begin(db=locks) as transaction:
            return transaction.get(key)

    found = [
        (_median(ask, recipients), _median(get, keys), _median(lambda _: None, keys))
        for _ in range(rounds)
    ]
    environment.close()
    return [statistics.median(column) for column in zip(*found, strict=True)]


def _step(store: LockedStore, rounds: int, toml: str) -> float:
    """What a recipient without a lock takes the step at RCPT: the least of the rounds, in us."""
    settings = loads(toml)
    (row,) = Scoreboard.in_memory(DECISIONS).take(1)
    counts = DecisionCounts(row.counters, DECISIONS)
    table = LockTable.open(store.settings)
    rules = undeliverable_by(settings, Known(table.domain, table.was_freed))
    step: Any = RcptStep(settings, Locks(table.find, undeliverable=rules), counts)
    # Of a domain that no rule is against; nothing else of the session is asked for.
    recipients = [f"<{to.removesuffix('.example')}.de>".encode() for to in store.mailing]
    least = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for recipient in recipients:
            step(None, recipient)
        least = min(least, time.process_time() - began)
    table.close()
    return least / len(recipients) * 1e6


def _median(lookup: Lookup, arguments: Sequence[bytes]) -> float:
    clock = time.perf_counter_ns
    took = []
    for argument in arguments:
        start = clock()
        lookup(argument)
        took.append(clock() - start)
    return statistics.median(took) / 1000


def _memory(store: LockedStore, seconds: float) -> float:
    with TemporaryDirectory(prefix="bgb") as name:
        folder = Path(name)
        load = Load(folder, store.mailing)
        with ours(store.settings, folder) as milter:
            load.run(milter.socket, 8, 50, seconds)
            return max(map(own_memory, family(milter.pid)[1:])) / 1e6


if __name__ == "__main__":
    main()
