"""Unlocking all that filters select, and asking how far it is (`bouncegate.web.unlockjobs`)."""

from typing import Final

from msgspec import Struct
from starlette.responses import Response

from bouncegate.admin.lists.asking import RowsAsked
from bouncegate.admin.views.values import iso
from bouncegate.web import acts, unlockjobs
from bouncegate.web.access.jobrecords import Job
from bouncegate.web.api.addresses import filters_of
from bouncegate.web.api.asking import asking
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right

_FIRST: Final = 5


class UnlockFilter(RowsAsked, frozen=True, forbid_unknown_fields=True):
    """Which locks: as the list of `locked` has them."""


class UnlockAllBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is unlocked, and why."""

    filter: UnlockFilter
    why: str
    dry_run: bool = False
    notify: str = ""
    """Who gets a mail at the end, where the daemon may send one."""


class UnlockCounts(Struct):
    """What an unlock would do."""

    free: int
    """Addresses that it would free."""
    first: list[str]
    kept: dict[str, int]
    """Addresses with a lock that stays, by the right that is missing."""


class JobView(Struct):
    """How far a job is."""

    id: str
    state: str
    """waiting, running, done, failed, cancelled, or interrupted: its process has ended."""
    total: int
    """Locks while it runs, then addresses."""
    done: int
    kept: int
    """Locks that changed meanwhile, and so stay."""
    created: str | None
    ended: str | None
    fault: str
    stayed: dict[str, int]
    """Addresses with a lock that stays, by the right that is missing."""
    decided: bool
    """Whether it has begun to change something. All of it will be: where it was interrupted, at
    the next start of the daemon."""
    mail_fault: str
    """Why the mail could not be sent."""


def unlock_all(call: Call, body: UnlockAllBody) -> Response:
    """Begin, or with `dry_run` say what would be done."""
    filters, asked = filters_of(call, body.filter), asking(call, body.why)
    if body.dry_run:
        plan = acts.plan(asked, (), filters)
        names = list(dict.fromkeys(target.address for target in plan.free))
        kept = {str(right): number for right, number in plan.kept.left_by.items()}
        return as_json(UnlockCounts(len(names), names[:_FIRST], kept))

    job = unlockjobs.begin(asked, filters, notify=body.notify)
    return as_json(_view(job), 202, {"location": f"/api/v1/jobs/{job.id}"})


def get_job(call: Call) -> Response:
    """How far it is."""
    return as_json(_view(_job(call)))


def cancel_job(call: Call) -> Response:
    """Take it back, if it has not begun."""
    if not call.site.jobs.cancel(_job(call)):
        raise refused("begun")
    return Response(status_code=204)


def _job(call: Call) -> Job:
    """The job of the path; raises Problem if there is none, or it is somebody else's."""
    id_ = call.request.path_params["id"]
    job = call.site.jobs.get(id_)
    if job is None and call.site.jobs.is_of_another_process(id_):
        raise refused("gone", "jobs are kept for 30 days")
    if job is None or not unlockjobs.may_see(call.person, job):
        raise Problem("not-found")
    return job


def _view(job: Job) -> JobView:
    return JobView(
        job.id,
        job.state,
        job.total,
        job.done,
        job.kept,
        iso(job.created),
        iso(job.ended or None),
        job.fault,
        job.stayed,
        job.is_decided,
        job.mail_fault,
    )


OPERATIONS: Final = (
    Operation(
        "POST",
        "/unlocks",
        unlock_all,
        Right.UNLOCK,
        "Unlock all that filters select",
        UnlockAllBody,
        {200: UnlockCounts, 202: JobView},
        ("parameter",),
    ),
    Operation(
        "GET",
        "/jobs/{id}",
        get_job,
        None,
        "How far a job is",
        answers={200: JobView},
        problems=("not-found", "gone"),
    ),
    Operation(
        "DELETE",
        "/jobs/{id}",
        cancel_job,
        None,
        "Take a job back that has not begun",
        answers={204: None},
        problems=("not-found", "gone", "begun"),
    ),
)
