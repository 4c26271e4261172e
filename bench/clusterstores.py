"""What a store of a cluster costs: a bounce that is taken in, published and applied, in steps.

Stores in memory, and a log in memory that is as quick as the two need: so these are the costs of
this program alone, in microseconds of processor time for a bounce, ten in a transaction, each of
an address of its own. The first line is a store that shares its index with none. The last column is
the longest write transaction of the applier, for which a DSN may have to wait.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.events import event_of
from tests.memorylog import MemoryLog
from tests.unit.cluster.machines import Machine

from bench.figures import spread
from bench.output import arguments, show
from bouncegate.config.settings import PolicySettings, StoreSettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.store.store import Bounce, Store

_BOUNCES: Final = 10_000
_AT_ONCE: Final = 10
_NOW: Final = 1_770_000_000
_TRUST: Final[tuple[Trust, ...]] = ("signed",)
_POLICY: Final = Policy(PolicySettings(), _TRUST)
_STEPS: Final = ("alone", "taken in", "published", "applied, of another", "applied, its own")


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rounds = [_round() for _ in range(options.rounds)]
    rows: list[dict[str, Any]] = []
    for number, step in enumerate(_STEPS):
        costs = [costs[number] for costs, _ in rounds]
        longest = [1000 * one for _, one in rounds] if step.startswith("applied") else []
        rows.append(
            {
                "step": step,
                "us a bounce": spread([1e6 * cost for cost in costs], 1),
                "a second and core": spread([1 / cost for cost in costs], 0),
                "longest, ms": spread(longest, 1) if longest else "",
            }
        )
    show("stores of a cluster", rows, as_json=options.json)


def _round() -> tuple[list[float], float]:
    """Seconds of a bounce for each step, and the longest transaction of the applier."""
    bounces = [_bounce(number) for number in range(_BOUNCES)]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        alone = Path(folder, "alone")
        alone.mkdir()
        with closing(Store.open(StoreSettings(path=alone, map_size=Size(2**30)))) as store:
            costs = [_cost(lambda: _take_in(store, bounces))]
        log = MemoryLog()
        one, other = (Machine(Path(folder, name), name, log, _POLICY) for name in ("one", "other"))
        longest = [0.0]
        for machine in (one, other):
            _watch(machine, longest)
        costs.append(_cost(lambda: _take_in(one.store, bounces)))
        costs.append(_cost(lambda: _until(lambda: not one.publisher.publish())))
        last = log.head().position
        costs += [_cost(partial(_apply, machine, last)) for machine in (other, one)]
        for machine in (one, other):
            machine.close()
    return costs, longest[0]


def _bounce(number: int) -> Bounce:
    event = event_of(
        f"u{number}@d{number % 97}.example",
        _NOW,
        Reason.USER_UNKNOWN,
        rule="user-unknown",
        identity=number.to_bytes(16, "big"),
    )
    return Bounce([event], b"")


def _take_in(store: Store, bounces: list[Bounce]) -> None:
    for start in range(0, len(bounces), _AT_ONCE):
        store.record(bounces[start : start + _AT_ONCE], _POLICY)


def _apply(machine: Machine, last: int) -> None:
    while machine.position() < last:
        machine.applier.apply()


def _until(is_done: Callable[[], bool]) -> None:
    while not is_done():
        pass


def _watch(machine: Machine, longest: list[float]) -> None:
    """Keep how long the longest transaction takes in which changes take effect."""
    take_effect = machine.settled.take_effect

    def timed(*given: Any) -> Any:
        began = time.monotonic()
        done = take_effect(*given)
        longest[0] = max(longest[0], time.monotonic() - began)
        return done

    setattr(machine.settled, "take_effect", timed)  # noqa: B010 - a method of one object


def _cost(run: Callable[[], None]) -> float:
    began = time.process_time()
    run()
    return (time.process_time() - began) / _BOUNCES


if __name__ == "__main__":
    main()
