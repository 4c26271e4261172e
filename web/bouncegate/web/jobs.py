"""Work that takes longer than a request: begun by one, asked about by others.

Each job is written down when it is begun, before it changes anything, and at its end. One that its
process has left behind is told as interrupted: what it had decided by then is in a file of its own
(`bouncegate.store.bulk`), and is carried out at the next start.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from bouncegate.store.errors import StoreError
from bouncegate.web.access.jobrecords import Job, JobRecords

_LOG: Final = logging.getLogger("bouncegate.web")

MOST_WAITING: Final = 100


class TooManyJobs(Exception):
    """So many wait already."""


class Jobs:
    """The jobs of a process, one after the other, and those that are written down."""

    def __init__(self, records: JobRecords) -> None:
        """Those that another process has not ended are interrupted; raises StoreError."""
        self._process: Final = secrets.token_hex(4)
        self._records: Final = records
        self._thread: Final = ThreadPoolExecutor(1, "web-job")
        self._lock: Final = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._futures: dict[str, Future[None]] = {}
        self._last = 0
        records.interrupt(_now())

    def begin(self, job: Job, work: Callable[[Job], None]) -> Job:
        """Do this as soon as the jobs before it have ended, under an id of its own.

        Raises TooManyJobs, StoreError.
        """
        with self._lock:
            if sum(one.state == "waiting" for one in self._jobs.values()) >= MOST_WAITING:
                raise TooManyJobs
            self._last += 1
            job.id = f"{self._process}-{self._last}"
            self._forget_ended()
            self._records.forget_old(_now())
            self._records.put(job)
            self._jobs[job.id] = job
            self._futures[job.id] = self._thread.submit(self._run, job, work)
        return job

    def get(self, id_: str) -> Job | None:
        """The job with an id; raises StoreError."""
        return self._jobs.get(id_) or self._records.get(id_)

    def all(self) -> list[Job]:
        """All that are known, the latest first; raises StoreError."""
        return [self._jobs.get(one.id, one) for one in self._records.all()]

    def is_of_another_process(self, id_: str) -> bool:
        """Whether an id is one that this process has not given."""
        process, _, number = id_.partition("-")
        is_id = len(process) == len(self._process) and number.isdecimal()
        return is_id and process != self._process

    def wait(self, job: Job, seconds: float) -> None:
        """Return when it has ended, or time is up."""
        future = self._futures.get(job.id)
        if future is not None:
            with suppress(TimeoutError, CancelledError):
                future.result(seconds)

    def decided(self, job: Job, total: int) -> None:
        """Note that it begins to change so many; raises StoreError."""
        job.total, job.is_decided = total, True
        self._records.put(job)

    def cancel(self, job: Job) -> bool:
        """Whether it will not be done, since it had not begun."""
        future = self._futures.get(job.id)
        if job.state == "cancelled":
            return True
        if future is None or not future.cancel():
            return False
        job.state, job.ended = "cancelled", _now()
        self._records.put(job)
        return True

    def close(self) -> None:
        """Let what runs end, and nothing begin."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        job.state = "running"
        fault = ""
        try:
            work(job)
        except StoreError as error:
            fault = str(error)
            _LOG.error("job %s: %s", job.id, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
            fault = str(error) or "internal error"
            _LOG.exception("job %s failed", job.id)
        job.fault, job.ended, job.state = fault, _now(), "failed" if fault else "done"
        try:
            self._records.put(job)
        except StoreError as error:
            _LOG.error("job %s cannot be written down: %s", job.id, error)

    def _forget_ended(self) -> None:
        """What has ended is read from what is written down."""
        for id_ in [id_ for id_, one in self._jobs.items() if one.has_ended]:
            if self._futures[id_].done():
                del self._jobs[id_], self._futures[id_]


def _now() -> int:
    return int(time.time())
