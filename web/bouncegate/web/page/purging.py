"""Deleting what is stored about one person; a lock in force stays, nameless."""

from typing import Final

from starlette.responses import Response

from bouncegate.web.call import Call
from bouncegate.web.page.question import Field, Note, Question, put
from bouncegate.web.page.selection import asking, reason_in, selected
from bouncegate.web.page.showing import back_with, own_path, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.purging import purge
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route


def ask(call: Call) -> Response:
    """The question."""
    given, words = call.request.query_params, words_for(call)
    addresses = _one(selected(call, given.getlist("a")))
    question = Question(
        words.text("Delete data"),
        "/purge",
        own_path(given.get("back", "")),
        words.text("The data is deleted; a lock in force stays, nameless."),
        addresses,
        notes=[Note(words.text("This cannot be undone."), is_hard=True)],
        fields=[Field("why", words.text("Reason for the audit log"), required=True)],
        values=[("a", one) for one in addresses],
        button=words.text("Delete data"),
    )
    return put(call, question)


def act(call: Call) -> Response:
    """Delete it."""
    addresses = _one(selected(call, call.form.all("a")))
    call.site.act_now(purge, asking(call, reason_in(call)), addresses[0])
    return back_with("/recipients", "purged", 1)


def _one(addresses: list[str]) -> list[str]:
    if len(addresses) != 1:
        raise Problem("request", "The data of one address is deleted at a time.")
    return addresses


ROUTES: Final = (
    Route("/purge", ask, right=Right.PURGE, all_mail=True),
    Route("/purge", act, methods=("POST",), right=Right.PURGE, all_mail=True),
)
