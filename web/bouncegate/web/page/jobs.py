"""Jobs: how far an unlock of many addresses is, what came of it, and those of the last 30 days."""

from typing import Final

from starlette.responses import Response

from bouncegate.web.access.jobrecords import Job, State
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language
from bouncegate.web.page.question import Note
from bouncegate.web.page.showing import show, wants_part, words_for
from bouncegate.web.page.unlocking import LEFT
from bouncegate.web.problem import Problem
from bouncegate.web.redirects import see
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route
from bouncegate.web.unlockjobs import may_see

_SHOWN: Final = 200
STATES: Final[dict[State, str]] = {
    "waiting": "Waiting",
    "running": "Running",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Taken back",
    "interrupted": "Interrupted",
}
_UNTOUCHED: Final = "The process that ran it has ended before anything was changed. Begin it again."
_DECIDED: Final = (
    "The process that ran it has ended meanwhile. What was left is carried out when it starts "
    "again; the audit log shows it."
)


def jobs(call: Call) -> Response:
    """The jobs of whoever asks; of all, for an admin."""
    seen = [one for one in call.site.jobs.all() if may_see(call.person, one)]
    return show(call, "jobs.html", "jobs", jobs=seen[:_SHOWN], states=STATES)


def job(call: Call) -> Response:
    """One job; with `part=1` only what changes."""
    words, found = words_for(call), _job(call)
    template = "jobstate.html" if wants_part(call) else "job.html"
    return show(call, template, "jobs", job=found, states=STATES, notes=_notes(found, words))


def cancel(call: Call) -> Response:
    """Take it back, if it has not begun."""
    found = _job(call)
    call.site.jobs.cancel(found)
    return see(f"/jobs/{found.id}")


def _job(call: Call) -> Job:
    found = call.site.jobs.get(call.request.path_params["id"])
    if found is None or not may_see(call.person, found):
        raise Problem("not-found", words_for(call).text("Jobs are kept for 30 days."))
    return found


def _notes(job: Job, words: Language) -> list[Note]:
    """What came of it beside what was unlocked."""
    found = list[Note]()
    if job.fault:
        found.append(Note(job.fault, is_hard=True))
    if job.state == "interrupted":
        found.append(Note(words.text(_DECIDED if job.is_decided else _UNTOUCHED), is_hard=True))
    if job.kept:
        one = "1 lock has changed meanwhile. It stays."
        found.append(
            Note(words.plural(one, "{n} locks have changed meanwhile. They stay.", job.kept))
        )
    for right, texts in LEFT.items():
        if number := job.stayed.get(right, 0):
            found.append(Note(words.plural(*texts, number), is_hard=right == "hard"))
    if job.mail_fault:
        text = "No mail could be sent to {address}: {fault}"
        found.append(Note(words.text(text, address=job.notify, fault=job.mail_fault), is_hard=True))
    return found


ROUTES: Final = (
    Route("/jobs", jobs, right=Right.UNLOCK),
    Route("/jobs/{id}", job, right=Right.UNLOCK),
    Route("/jobs/{id}", cancel, methods=("POST",), right=Right.UNLOCK),
)
