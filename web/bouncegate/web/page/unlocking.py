"""Unlocking: first what it would free and what stays, then the act, by the same plan."""

from collections.abc import Iterator
from typing import Final

from starlette.responses import Response

from bouncegate.admin import mail
from bouncegate.admin.lists.row import RowFilters
from bouncegate.admin.lists.unlocking import UnlockPlan
from bouncegate.admin.views.rows import State
from bouncegate.policy.protection import Right as LockRight
from bouncegate.web import acts, unlockjobs
from bouncegate.web.access.jobrecords import Job
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language
from bouncegate.web.page.question import SHOWN, Field, Note, Question, put
from bouncegate.web.page.recipientlist import query_in
from bouncegate.web.page.selection import asking, reason_in, selected
from bouncegate.web.page.showing import back_with, own_path, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.redirects import see
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route

_AT_ONCE_SECONDS: Final = 1.0
"""For a job to end before its own page is shown."""

LEFT: Final[dict[LockRight, tuple[str, str]]] = {
    "hard": (
        "1 of them is locked hard: nobody is there. It stays locked.",
        "{n} of them are locked hard: nobody is there. They stay locked.",
    ),
    "manual": (
        "1 was locked by hand or imported. It stays locked.",
        "{n} were locked by hand or imported. They stay locked.",
    ),
    "complaint": (
        "1 is locked because its owner complained or opted out. It stays locked.",
        "{n} are locked because their owners complained or opted out. They stay locked.",
    ),
}


def _filters(call: Call, query: str) -> RowFilters | None:
    """What a list selects whose path was given; None: addresses were chosen by themselves."""
    if not query:
        return None
    wanted = query_in(call, query)
    if wanted.tab.state not in (State.LOCKED, State.BOUNCED) or wanted.beginning:
        raise Problem("request", "Not from this list: choose one of locks, without a search.")
    return wanted.filters


def ask(call: Call) -> Response:
    """The question."""
    given = call.request.query_params
    addresses, query = selected(call, given.getlist("a")), given.get("query", "")
    words = words_for(call)
    plan = acts.plan(asking(call), addresses, None if addresses else _filters(call, query))
    names = list(dict.fromkeys(target.address for target in plan.free))
    number = len(names)
    will = (
        words.plural(
            "1 address will be unlocked at once; mail to it passes again.",
            "{n} addresses will be unlocked at once; mail to them passes again.",
            number,
        )
        if number
        else words.text("There is nothing to unlock in this selection.")
    )
    fields = [Field("why", words.text("Reason for the audit log"), required=True)]
    if not addresses and not mail.why_not():
        fields.append(_mail_field(words))
    question = Question(
        words.text("Unlock now"),
        "/unlock",
        own_path(given.get("back", "")),
        will,
        names[:SHOWN],
        max(number - SHOWN, 0),
        list(_notes(plan, words)),
        fields if number else (),
        [*(("a", one) for one in addresses), ("query", query)],
        words.text("Confirm") if number else "",
    )
    return put(call, question)


def act(call: Call) -> Response:
    """Do it. What may be lifted is looked at again; what changed since it was seen stays."""
    form = call.form
    addresses = selected(call, form.all("a"))
    asked, query = asking(call, reason_in(call)), form.one("query")
    filters = None if addresses else _filters(call, query)
    if filters is not None:
        notify = form.one("notify").strip()
        job = unlockjobs.begin(asked, filters, about=query_in(call, query).path(), notify=notify)
        return _begun(call, job)
    done = call.site.act_now(acts.unlock, asked, addresses)
    return back_with(form.one("back"), "unlocked", len(done.addresses))


def _begun(call: Call, job: Job) -> Response:
    """The list, if all is done at once; else the page that shows how far it is."""
    call.site.jobs.wait(job, _AT_ONCE_SECONDS)
    if job.state == "done" and not (job.kept or job.notify):
        return back_with(call.form.one("back"), "unlocked", job.done)
    return see(f"/jobs/{job.id}")


def _mail_field(words: Language) -> Field:
    title = words.text("Mail when it is done, to")
    return Field("notify", title, "email", longest=320, autocomplete="email")


def _notes(plan: UnlockPlan, words: Language) -> Iterator[Note]:
    for right, texts in LEFT.items():
        number = plan.kept.left_by[right]
        if number:
            yield Note(words.plural(*texts, number), is_hard=right == "hard")
    if plan.domain_only:
        yield Note(
            words.plural(
                "1 is stopped by the lock of its domain alone.",
                "{n} are stopped by the locks of their domains alone.",
                len(plan.domain_only),
            )
        )


ROUTES: Final = (
    Route("/unlock", ask, right=Right.UNLOCK),
    Route("/unlock", act, methods=("POST",), right=Right.UNLOCK),
)
