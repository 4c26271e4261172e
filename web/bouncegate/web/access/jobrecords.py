"""Jobs as they are written down: who asked where they are finds them after a restart too."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from bouncegate.web.access.environment import JOBS, AccessEnvironment

KEPT_SECONDS: Final = 30 * 86_400
_MOST: Final = 1000
"""Records; the oldest ones go."""

State = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]
ENDED: Final[frozenset[State]] = frozenset({"done", "failed", "cancelled", "interrupted"})


class Job(msgspec.Struct, omit_defaults=True):
    """One of them."""

    id: str
    owner: str
    """Who has begun it, and may ask about it: `name_of` of somebody."""
    created: int
    about: str = ""
    """The path of the list that it is about, at the page."""
    why: str = ""
    notify: str = ""
    """Who gets a mail at its end."""
    state: State = "waiting"
    is_decided: bool = False
    """Whether it has begun to change something: all of it will be, whatever becomes of it."""
    total: int = 0
    done: int = 0
    kept: int = 0
    """What changed meanwhile, and so stayed as it was."""
    stayed: dict[str, int] = {}
    """Addresses with a lock that stays, by the right that is missing."""
    ended: int = 0
    fault: str = ""
    mail_fault: str = ""
    """Why the mail could not be sent."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED


class JobRecords:
    """The written jobs."""

    def __init__(self, environment: AccessEnvironment) -> None:
        """Use an environment that is open."""
        self._environment = environment
        self._records = environment.table(JOBS, Job)

    def put(self, job: Job) -> None:
        """Write it; raises StoreError."""
        with self._environment.writing() as transaction:
            self._records.put(transaction, job.id.encode(), job)

    def get(self, id_: str) -> Job | None:
        """The job with an id."""
        with self._environment.reading() as transaction:
            return self._records.get(transaction, id_.encode())

    def all(self) -> list[Job]:
        """All of them, the latest first."""
        with self._environment.reading() as transaction:
            found = [job for _, job in self._records.items(transaction)]
        return sorted(found, key=lambda job: job.created, reverse=True)

    def interrupt(self, now: int) -> None:
        """Close what was begun by a process that has ended."""
        with self._environment.writing() as transaction:
            for key, job in self._records.items(transaction):
                if not job.has_ended:
                    job.state, job.ended = "interrupted", now
                    self._records.put(transaction, key, job)

    def forget_old(self, now: int) -> None:
        """Delete what ended long ago, or is too much."""
        with self._environment.writing() as transaction:
            jobs = [job for _, job in self._records.items(transaction) if job.has_ended]
            jobs.sort(key=lambda job: job.created, reverse=True)
            for number, job in enumerate(jobs):
                if number >= _MOST or now - job.created > KEPT_SECONDS:
                    self._records.delete(transaction, job.id.encode())
