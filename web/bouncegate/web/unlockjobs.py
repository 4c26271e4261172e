"""Unlocking all that filters select, as a job, for the page and the interface."""

from types import TracebackType
from typing import Final

from bouncegate.admin import mail
from bouncegate.admin.lists.asking import address_to_notify
from bouncegate.admin.lists.row import RowFilters
from bouncegate.admin.lists.unlockmail import UnlockMail
from bouncegate.store.address import AddressError
from bouncegate.web import acts
from bouncegate.web.access.jobrecords import Job
from bouncegate.web.acts import Asking, Done
from bouncegate.web.jobs import Jobs, TooManyJobs
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Person, Right

_NAMED: Final = 1000
"""Addresses that a mail names."""


def begin(asking: Asking, filters: RowFilters, *, about: str = "", notify: str = "") -> Job:
    """Begin it; `notify` gets a mail at its end. Raises Problem, StoreError."""
    receiver = _receiver(notify)
    jobs = asking.site.jobs

    def work(job: Job) -> None:
        done = acts.unlock(asking, (), filters, watch=lambda total: _Watched(jobs, job, total))
        job.done, job.kept = len(done.addresses), done.left
        job.total = job.done + job.kept
        if done.plan is not None:
            left = done.plan.kept.left_by
            job.stayed = {str(right): number for right, number in left.items()}
        if receiver:
            job.mail_fault = _mailed(receiver, asking, done)

    job = Job("", owner_of(asking.person), asking.now, about, asking.why, receiver)
    try:
        return jobs.begin(job, work)
    except TooManyJobs:
        raise Problem("busy", headers={"retry-after": "60"}) from None


def owner_of(person: Person) -> str:
    """Whose a job is: a token's, or somebody's who uses the page."""
    return f"token:{person.token}" if person.token else f"user:{person.name}"


def may_see(person: Person, job: Job) -> bool:
    """Whether somebody may ask about a job."""
    return job.owner == owner_of(person) or Right.ADMIN in person.rights


def _receiver(notify: str) -> str:
    """Who gets the mail; raises Problem if there can be none."""
    if not notify:
        return ""
    if fault := mail.why_not():
        raise Problem("request", f"no mail can be sent from here: {fault}")
    try:
        return address_to_notify(notify)
    except AddressError as error:
        raise Problem("request", str(error)) from None


def _mailed(receiver: str, asking: Asking, done: Done) -> str:
    """Send the mail; why it could not be sent."""
    assert done.plan is not None, "an unlock goes by a plan"
    kept, names = done.plan.kept, done.addresses
    told = UnlockMail(
        asking.who.by,
        asking.why,
        len(names),
        names[:_NAMED],
        kept.kinds,
        kept.left,
        kept.reasons_left,
    )
    try:
        mail.send(receiver, told.subject, told.text)
    except mail.MailError as error:
        return str(error)
    return ""


class _Watched:
    """Writes into a job how far it is."""

    def __init__(self, jobs: Jobs, job: Job, total: int) -> None:
        self._job = job
        jobs.decided(job, total)

    def __enter__(self) -> "_Watched":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __call__(self, done: int) -> None:
        self._job.done = done
