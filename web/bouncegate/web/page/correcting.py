"""Correcting one mistyped address: the right one is free, and its counts start again."""

from typing import Final

from starlette.responses import Response

from bouncegate.admin.lists.corrections import Correction
from bouncegate.web import acts
from bouncegate.web.call import Call
from bouncegate.web.page.question import Field, Question, put
from bouncegate.web.page.selection import asking, reason_in, selected
from bouncegate.web.page.showing import back_with, own_path, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route


def ask(call: Call) -> Response:
    """The question."""
    given, words = call.request.query_params, words_for(call)
    old = _only(selected(call, given.getlist("a")))
    question = Question(
        words.text("Correct"),
        "/correct",
        own_path(given.get("back", "")),
        words.text("The right address is free at once, and its counts start again."),
        [old],
        fields=(
            Field("new", words.text("The right address"), required=True, longest=320),
            Field("why", words.text("Reason for the audit log"), required=True),
        ),
        values=[("a", old)],
        button=words.text("Correct"),
    )
    return put(call, question)


def act(call: Call) -> Response:
    """Correct it."""
    form = call.form
    old, new = _only(selected(call, form.all("a"))), _only(selected(call, [form.one("new")]))
    why = reason_in(call)
    done = call.site.act_now(acts.correct, asking(call, why), [Correction(old, new)])
    return back_with(form.one("back"), "corrected", len(done.addresses))


def _only(addresses: list[str]) -> str:
    if len(addresses) != 1:
        raise Problem("request", "One address can be corrected at a time; several by a sheet.")
    return addresses[0]


ROUTES: Final = (
    Route("/correct", ask, right=Right.CORRECT, all_mail=True),
    Route("/correct", act, methods=("POST",), right=Right.CORRECT, all_mail=True),
)
