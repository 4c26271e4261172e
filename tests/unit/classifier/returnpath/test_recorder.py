"""Bounces that come together are recorded together, and none waits for others that never come."""

import asyncio
import time
from collections.abc import Callable, Sequence

from bouncegate.classifier.returnpath.recorder import Recorder
from bouncegate.store.store import Bounce, Recorded

_BOUNCE = Bounce([], b"")
# Long enough for a thread that was woken to run.
_A_WHILE = 0.05


class Records:
    """What is recorded: how many bounces each time."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, bounces: Sequence[Bounce]) -> list[list[Recorded]]:
        self.batches.append(len(bounces))
        return [[] for _ in bounces]


def recorded(
    count: int,
    pause: Callable[[], object],
    more_come: Callable[[], bool] = lambda: False,
) -> list[int]:
    """The batches of so many bounces that are submitted in one turn of the loop."""
    records = Records()

    async def run() -> None:
        recorder = Recorder(records, asyncio.get_running_loop(), more_come)
        futures = []
        for _ in range(count):
            futures.append(recorder.submit(_BOUNCE))
            pause()
        await asyncio.wait_for(asyncio.gather(*futures), 20)
        recorder.close()

    asyncio.run(run())
    return records.batches


def test_bounces_of_one_turn_are_recorded_together() -> None:
    assert recorded(5, lambda: time.sleep(_A_WHILE)) == [5]


def test_a_bounce_is_recorded_where_others_are_announced_that_never_come() -> None:
    assert recorded(1, lambda: None, lambda: True) == [1]


def test_a_bounce_waits_for_those_that_come_in_the_next_turns() -> None:
    records, turns = Records(), iter((True, True, False))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        recorder = Recorder(records, loop, lambda: next(turns, False), longest_wait=20)
        first = recorder.submit(_BOUNCE)
        await asyncio.sleep(0)
        time.sleep(_A_WHILE)
        await asyncio.gather(first, recorder.submit(_BOUNCE))
        recorder.close()

    asyncio.run(run())
    assert records.batches == [2]


def test_a_recorder_that_closes_records_what_was_submitted_in_the_same_turn() -> None:
    records = Records()

    async def run() -> None:
        recorder = Recorder(records, asyncio.get_running_loop())
        recorder.submit(_BOUNCE)
        recorder.close()

    asyncio.run(run())
    assert records.batches == [1]
