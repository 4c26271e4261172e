"""Bounces that come together are recorded together."""

import asyncio
import time
from collections.abc import Sequence

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


def test_bounces_of_one_turn_are_recorded_together() -> None:
    records = Records()

    async def run() -> None:
        recorder = Recorder(records, asyncio.get_running_loop())
        futures = []
        for _ in range(5):
            futures.append(recorder.submit(_BOUNCE))
            time.sleep(_A_WHILE)
        await asyncio.wait_for(asyncio.gather(*futures), 20)
        recorder.close()

    asyncio.run(run())
    assert records.batches == [5]


def test_a_recorder_that_closes_records_what_was_submitted_in_the_same_turn() -> None:
    records = Records()

    async def run() -> None:
        recorder = Recorder(records, asyncio.get_running_loop())
        recorder.submit(_BOUNCE)
        recorder.close()

    asyncio.run(run())
    assert records.batches == [1]
