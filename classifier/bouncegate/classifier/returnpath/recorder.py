"""The single writer of a return-path process: many bounces in one commit.

A commit costs an fsync, regardless of its size. During a commit the next bounces are queued, and
all of them go into the next transaction: a single bounce never waits, and under load bounces share
the cost of the disk. No bounce is reported as durable before its commit has returned.

A bounce that cannot be recorded does not affect the others of its batch: unless the store itself
failed, the batch is retried in halves until the faulty bounce is alone.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final

from bouncegate.store.errors import StoreError
from bouncegate.store.intake import MOST_AT_ONCE
from bouncegate.store.store import Bounce, Recorded
from bouncegate.store.tokens.keys import KeyFileError

Record = Callable[[Sequence[Bounce]], list[list[Recorded]]]
"""Records bounces durably, all or none, and returns the outcomes of the events of each."""


TRANSIENT: Final = (StoreError, KeyFileError, MemoryError, OSError)
"""Faults that no bounce causes: the same bounce can be recorded later."""

_Request = tuple[Bounce, "asyncio.Future[list[Recorded]]"]


class Recorder:
    """A thread that records bounces in batches."""

    def __init__(self, record: Record, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread; only it calls `record`, and the result is passed to `loop`."""
        self._record = record
        self._loop = loop
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._gathered: list[_Request] = []
        """Those that are handed over in the next turn of the loop."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    async def record(self, bounce: Bounce) -> list[Recorded]:
        """Record a bounce; when this returns, all of it is durable.

        One of many events goes into several transactions, between which others have their turn. If
        one of them fails, its StoreError is raised; the bounce comes again, and what was taken in
        is known then. To be called in the loop.
        """
        outcomes: list[Recorded] = []
        for portion in bounce.portions():
            outcomes += await self.submit(portion)
        return outcomes

    def submit(self, bounce: Bounce) -> "asyncio.Future[list[Recorded]]":
        """Ask for a bounce to be recorded soon; the future is done when it is durable.

        It carries the StoreError where the store could not take it, and any other error where this
        bounce could not be recorded. To be called in the loop.
        """
        future: asyncio.Future[list[Recorded]] = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((bounce, future))
        return future

    def close(self) -> None:
        """Record what was submitted, then end the thread; waits for other writers."""
        self._hand_over()
        self._requests.put(None)
        self._thread.join()

    def _hand_over(self) -> None:
        """Give the thread all that was submitted in a turn: one by one, the two threads contended
        for the interpreter, and commits were of few.
        """
        gathered, self._gathered = self._gathered, []
        for request in gathered:
            self._requests.put(request)

    def _run(self) -> None:
        running = True
        while running:
            batch, running = self._gather()
            if batch:
                self._record_batch(batch)

    def _gather(self) -> tuple[list[_Request], bool]:
        """The next requests, and whether more may come after them."""
        batch: list[_Request] = []
        events = 0
        request = self._requests.get()
        while request is not None:
            batch.append(request)
            events += len(request[0].events)
            if events >= MOST_AT_ONCE:
                return batch, True
            try:
                request = self._requests.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _record_batch(self, batch: Sequence[_Request]) -> None:
        futures = [future for _, future in batch]
        try:
            outcomes = self._record([bounce for bounce, _ in batch])
        except Exception as error:  # noqa: BLE001 - any error is reported to each client
            if len(batch) == 1 or isinstance(error, TRANSIENT):
                self._loop.call_soon_threadsafe(_fail, futures, error)
                return
            half = len(batch) // 2
            self._record_batch(batch[:half])
            self._record_batch(batch[half:])
        else:
            # Once a batch: each call wakes the loop by a write.
            self._loop.call_soon_threadsafe(_tell, futures, outcomes)


def _tell(
    futures: Sequence["asyncio.Future[list[Recorded]]"], outcomes: Sequence[list[Recorded]]
) -> None:
    for future, recorded in zip(futures, outcomes, strict=True):
        if not future.done():
            future.set_result(recorded)


def _fail(futures: Sequence["asyncio.Future[list[Recorded]]"], error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
