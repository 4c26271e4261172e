"""Work that takes longer than a request: begun by one, asked about by others.

Jobs are in memory: one that ends with its process is told to be gone. What it had decided by then
is written down (`bouncegate.store.bulk`), and is carried out at the next start.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

from bouncegate.store.errors import StoreError

_LOG: Final = logging.getLogger("bouncegate.web")

MOST_WAITING: Final = 100
_MOST_KEPT: Final = 1000

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class TooManyJobs(Exception):
    """So many wait already."""


@dataclass
class Job:
    """One of them."""

    id: str
    owner: str
    """Who has begun it, and may ask about it."""
    state: State = "waiting"
    total: int = 0
    done: int = 0
    kept: int = 0
    """What stayed as it was."""
    created: int = field(default_factory=lambda: int(time.time()))
    ended: int = 0
    fault: str = ""


class Jobs:
    """The jobs of a process, one after the other."""

    def __init__(self) -> None:
        """None yet."""
        self._process: Final = secrets.token_hex(4)
        self._thread: Final = ThreadPoolExecutor(1, "web-job")
        self._lock: Final = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._futures: dict[str, Future[None]] = {}
        self._last = 0

    def begin(self, owner: str, work: Callable[[Job], None]) -> Job:
        """A job that does this as soon as those before it have ended; raises TooManyJobs."""
        with self._lock:
            if sum(one.state == "waiting" for one in self._jobs.values()) >= MOST_WAITING:
                raise TooManyJobs
            self._last += 1
            job = Job(f"{self._process}-{self._last}", owner)
            self._jobs[job.id] = job
            self._forget_old()
            self._futures[job.id] = self._thread.submit(self._run, job, work)
        return job

    def get(self, id_: str) -> Job | None:
        """The job with an id."""
        return self._jobs.get(id_)

    def is_of_another_process(self, id_: str) -> bool:
        """Whether an id is one that this process has not given."""
        process, _, number = id_.partition("-")
        is_id = len(process) == len(self._process) and number.isdecimal()
        return is_id and process != self._process

    def cancel(self, job: Job) -> bool:
        """Whether it will not be done, since it had not begun."""
        future = self._futures.get(job.id)
        if job.state == "cancelled":
            return True
        if future is None or not future.cancel():
            return False
        job.state, job.ended = "cancelled", int(time.time())
        return True

    def close(self) -> None:
        """Let what runs end, and nothing begin."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        job.state = "running"
        try:
            work(job)
            job.state = "done"
        except StoreError as error:
            job.state, job.fault = "failed", str(error)
            _LOG.error("job %s: %s", job.id, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
            job.state, job.fault = "failed", str(error) or "internal error"
            _LOG.exception("job %s failed", job.id)
        job.ended = int(time.time())

    def _forget_old(self) -> None:
        ended = [id_ for id_, one in self._jobs.items() if one.ended]
        for id_ in ended[: max(0, len(self._jobs) - _MOST_KEPT)]:
            del self._jobs[id_]
            self._futures.pop(id_, None)
