"""What a policy decision costs, and how many events a second `simulate` replays.

A table of 40 rows; bounces of 2,000 providers and 50 senders for every reason that counts, in a
store that holds some events of each address. Decided: one event, from what the store knows of its
address to what it will hold, look-ups included, and rows that were not asked for before. Processor
time of one core.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.output import arguments, show
from bouncegate.config.loading import loads
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import StoreSettings, Trust
from bouncegate.config.taxonomy import Blame, Kind, Reason
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import Event
from bouncegate.policy.simulation import Simulation
from bouncegate.store.recording import identity
from bouncegate.store.store import Bounce, Store

_ADDRESSES: Final = 20_000
_EVENTS: Final = 100_000
_AT_ONCE: Final = 500
_START: Final = 1_780_000_000
_TRUST: Final[tuple[Trust, ...]] = ("signed",)
_SEED: Final = 1
_REASONS: Final = tuple(
    reason
    for reason, definition in REASONS.items()
    if definition.kind in (Kind.HARD, Kind.SOFT) and definition.blame is not Blame.SENDER
    and reason is not Reason.OPERATOR
)  # fmt: skip


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    policy = Policy(loads(_table()).policy, _TRUST)
    with TemporaryDirectory(prefix="bouncegate-bench-") as folder:
        settings = StoreSettings(path=Path(folder))
        store = Store.open(settings)
        events = list(_events())
        for start in range(0, len(events), _AT_ONCE):
            store.record(
                [Bounce([event], b"") for event in events[start : start + _AT_ONCE]], policy
            )
        decision = _median(options.rounds, lambda: _decide(store, policy, events))
        replay = _median(options.rounds, lambda: _simulate(store, policy))
        store.close()
    rows: list[dict[str, Any]] = [
        {"figure": "a decision, us", "value": decision * 1e6 / len(events), "asked": "at most 30"},
        {"figure": "events replayed a second", "value": len(events) / replay,
         "asked": "at least 50,000"},
    ]  # fmt: skip
    show(f"policy, {len(events):,} events", rows, as_json=options.json)


def _median(rounds: int, run: Callable[[], None]) -> float:
    """Seconds of the processor, the median of some rounds."""
    took = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        took.append(time.process_time() - start)
    return statistics.median(took)


def _decide(store: Store, policy: Policy, events: list[Event]) -> None:
    for number, event in enumerate(events):
        policy.fold(store.addresses.get(event.address) or EMPTY, number, event)


def _simulate(store: Store, policy: Policy) -> None:
    simulation = Simulation(policy, policy, _START)
    for history in store.history.by_address():
        simulation.replay(*history)
    assert simulation.totals.differing == 0, "it must reproduce what the store holds"


def _table() -> str:
    rows = [
        f'[[policy.row]]\nprovider = "p{n}.example"\nkind = "soft"\nfailures = {3 + n % 3}\n'
        f'window = "{30 + n} days"\nlock = ["1 month", "2 months"]\n'
        for n in range(30)
    ] + [
        f'[[policy.row]]\nsender = "@s{n}.example"\nkind = "hard"\nfailures = 2\nlock = "1 year"\n'
        for n in range(10)
    ]
    return "".join(rows)


def _events() -> Iterator[Event]:
    chance = random.Random(_SEED)
    for number in range(_EVENTS):
        person, reason = chance.randrange(_ADDRESSES), chance.choice(_REASONS)
        address = f"user{person}@p{person % 2000}.example"
        yield Event(
            address=address,
            time=_START + number * 10,
            kind=REASONS[reason].kind,
            category=REASONS[reason].category,
            reason=reason,
            rule="bench",
            trust="signed",
            identity=identity(str(number), address),
            action="failed",
            status="5.1.1",
            diagnostic="550 5.1.1 the words of a server, of which a line is about so long",
            sender=f"news@s{person % 50}.example",
            group=f"s{person % 50}.example",
            provider=f"p{person % 2000}.example",
        )


if __name__ == "__main__":
    main()
