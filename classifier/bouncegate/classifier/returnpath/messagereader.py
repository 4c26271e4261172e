"""Where a message is read: here, or in a process of its own (`readerprocess`).

Small messages are read here, one in each turn of the event loop, so that the sessions are served in
between; all that are read within a millisecond go on together. Of those that wait, smaller ones go
first: a flood of large ones must not delay the others. While a message is read, its digest is in
memory that all workers share: if a worker dies of it, by a crash or because it has used too much
processor time, the message is read apart when it comes again.
"""

import asyncio
import itertools
import mmap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from heapq import heappop, heappush
from queue import PriorityQueue
from typing import Final

from bouncegate.classifier.classified import ClassifiedMessage, Classify
from bouncegate.classifier.returnpath.readerprocess import limit_processor_time

# A DSN of Postfix returns 50,000 octets at most (bounce_size_limit). At worst, reading so
# much takes a tenth of a second.
MOST_HERE: Final = 64 * 2**10
# By so many seconds an octet a message is put back: 50,000 octets by half a second, so that none
# waits for ever.
_PUT_BACK: Final = 1e-5
# For so many seconds a message that was read waits at most for those that are read in the next
# turns. They then go on together, each step with its code in the processor's cache, which has no
# room for that of all steps: one by one, a DSN took a tenth more of the processor.
LONGEST_WAIT: Final = 1e-3
# Seconds of the processor in which a message is read here, or the worker ends.
_DEADLINE: Final = 5.0
# Messages that have ended the workers of one number. They come again after minutes; more
# would have killed as many workers.
_MOST_SUSPECTS: Final = 15
_DIGEST: Final = 16
_PLACE: Final = (1 + _MOST_SUSPECTS) * _DIGEST
_NONE: Final = bytes(_DIGEST)


class InProgress:
    """Digests of the messages that the workers read, and of those that have ended one."""

    def __init__(self, workers: int) -> None:
        """Make it before the fork."""
        self._memory = mmap.mmap(-1, max(workers, 1) * _PLACE)

    def of_worker(self, number: int) -> "WorkerInProgress":
        """The message that one worker reads; the last one of a dead predecessor is suspect."""
        begin = number * _PLACE
        left = self._memory[begin : begin + _DIGEST]
        if left != _NONE:
            # The oldest one goes.
            self._memory.move(begin + _DIGEST, begin, _PLACE - _DIGEST)
            self._memory[begin : begin + _DIGEST] = _NONE
        return WorkerInProgress(self._memory, begin)


class WorkerInProgress:
    """The one message that a worker reads."""

    def __init__(self, memory: mmap.mmap, begin: int) -> None:
        """No message is read yet."""
        self._memory = memory
        self._begin = begin

    def take(self, raw: bytes) -> bool:
        """Note a message; False if it has ended a worker before, and may end this one."""
        digest = blake2b(raw, digest_size=_DIGEST).digest()
        if self._memory.find(digest) >= 0:
            return False
        self._memory[self._begin : self._begin + _DIGEST] = digest
        return True

    def release(self) -> None:
        """It has been read."""
        self._memory[self._begin : self._begin + _DIGEST] = _NONE


_Request = tuple[float, int, bytes, "asyncio.Future[ClassifiedMessage]"]
"""Its rank, the lowest first; its number; the message; where the answer is waited for."""


class MessageReader:
    """Reads the messages of one worker."""

    def __init__(
        self,
        here: Classify,
        apart: Classify,
        in_progress: WorkerInProgress,
        on_lost: Callable[[], None],
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        """Read a message `here`, in the loop, or `apart`, which blocks, in a thread.

        `on_lost` is called in the thread when nothing more can be read apart. One that was read
        `here` waits `longest_wait` seconds at most for others.
        """
        self._here = here
        self._apart = apart
        self._in_progress = in_progress
        self._on_lost = on_lost
        self._longest_wait = longest_wait
        self._is_closed = False
        self._numbers = itertools.count()
        self._waiting: list[_Request] = []
        self._answers: list[Callable[[], None]] = []
        """Of messages that have been read, for whom they are waited for."""
        self._due = 0.0
        # The smallest first: legitimate messages are rarely large.
        self._requests: PriorityQueue[_Request] = PriorityQueue()
        threading.Thread(target=self._run, name="reader", daemon=True).start()

    async def classify(self, raw: bytes) -> ClassifiedMessage:
        """Read and classify a message; raises Unreadable, and OSError where it cannot be tried."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ClassifiedMessage] = loop.create_future()
        if len(raw) <= MOST_HERE:
            if not self._waiting:
                loop.call_soon(self._take_turn, loop)
            rank = loop.time() + len(raw) * _PUT_BACK
            heappush(self._waiting, (rank, next(self._numbers), raw, future))
        else:
            self._read_apart(raw, future)
        return await future

    def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the first of the small messages that wait; the next one in the next turn."""
        _, _, raw, future = heappop(self._waiting)
        if self._waiting:
            loop.call_soon(self._take_turn, loop)
        if not self._answers:
            self._due = time.monotonic() + self._longest_wait
        try:
            self._read_here(raw, future)
        finally:
            if not self._waiting or time.monotonic() >= self._due:
                self._answer()

    def _read_here(self, raw: bytes, future: "asyncio.Future[ClassifiedMessage]") -> None:
        if not self._in_progress.take(raw):
            self._read_apart(raw, future)
            return
        limit_processor_time(_DEADLINE)
        try:
            message = self._here(raw)
        except Exception as error:  # noqa: BLE001 - the waiting future must get it
            self._answers.append(partial(_fail, future, error))
        else:
            self._answers.append(partial(_succeed, future, message))
        finally:
            limit_processor_time(0)
            self._in_progress.release()

    def _answer(self) -> None:
        """Go on with all messages that have been read, one after the other."""
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()

    def _read_apart(self, raw: bytes, future: "asyncio.Future[ClassifiedMessage]") -> None:
        self._requests.put((len(raw), next(self._numbers), raw, future))

    def close(self) -> None:
        """From now on, messages that are read apart may be lost."""
        self._is_closed = True

    def _run(self) -> None:
        while True:
            _, _, raw, future = self._requests.get()
            try:
                message = self._apart(raw)
            except Exception as error:  # noqa: BLE001 - the waiting future must get it
                _set_from_thread(_fail, future, error)
                if isinstance(error, ConnectionError) and not self._is_closed:
                    self._on_lost()
            else:
                _set_from_thread(_succeed, future, message)


def _set_from_thread(
    callback: Callable[..., None], future: "asyncio.Future[ClassifiedMessage]", result: object
) -> None:
    with suppress(RuntimeError):  # the loop has ended, and all that waited with it
        future.get_loop().call_soon_threadsafe(callback, future, result)


def _succeed(future: "asyncio.Future[ClassifiedMessage]", message: ClassifiedMessage) -> None:
    if not future.done():
        future.set_result(message)


def _fail(future: "asyncio.Future[ClassifiedMessage]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
