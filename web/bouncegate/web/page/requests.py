"""Requests to unlock: asking for one, and deciding about those that wait."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from bouncegate.admin.lists.requests import OpenRequest, open_requests
from bouncegate.web import acts
from bouncegate.web.call import Call
from bouncegate.web.page.question import SHOWN, Field, Question, put
from bouncegate.web.page.selection import asking, reason_in, selected
from bouncegate.web.page.showing import back_with, own_path, show, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route


@dataclass(frozen=True)
class ShownRequest:
    """One line of the list."""

    number: int
    address: str
    by: str
    why: str
    time: int
    until: int
    reasons: tuple[str, ...]
    """Why it is locked, in words; empty: it is free by now."""


def waiting(call: Call) -> Response:
    """Those that wait for an answer."""
    words = words_for(call)
    shown = [
        ShownRequest(
            one.number,
            one.request.address,
            one.request.by,
            one.request.why,
            one.request.time,
            one.request.until,
            tuple(words.reason(found.lock.reason).title for found in one.locks),
        )
        for one in open_requests(call.site.store, call.now)
    ]
    return show(call, "requests.html", "requests", requests=shown)


def ask(call: Call) -> Response:
    """The form of a request."""
    given, words = call.request.query_params, words_for(call)
    addresses = selected(call, given.getlist("a"))
    number = len(addresses)
    question = Question(
        words.text("Request unlocking"),
        "/requests/new",
        own_path(given.get("back", "")),
        words.plural(
            "Somebody with the right to do so decides about 1 address.",
            "Somebody with the right to do so decides about {n} addresses.",
            number,
        ),
        addresses[:SHOWN],
        max(number - SHOWN, 0),
        fields=(Field("why", words.text("Why it should be unlocked"), required=True),),
        values=[("a", one) for one in addresses],
        button=words.text("Send the request"),
    )
    return put(call, question, "recipients")


def add(call: Call) -> Response:
    """Write the request down."""
    form = call.form
    addresses = selected(call, form.all("a"))
    asked = asking(call, reason_in(call))
    numbers = call.site.act_now(acts.request, asked, addresses)
    return back_with(form.one("back"), "requested", len(numbers))


def decide(call: Call) -> Response:
    """Approve or decline those that were chosen."""
    form = call.form
    verdict = form.one("verdict")
    deed = {"approve": acts.approve, "decline": acts.decline}.get(verdict)
    if deed is None:
        raise Problem("request", "Approve or decline?")
    chosen = _chosen(call, form.all("number"))
    done = call.site.act_now(deed, asking(call, form.one("why").strip()), chosen)
    what = "approved" if verdict == "approve" else "declined"
    return back_with("/requests", what, len(done.addresses))


def _chosen(call: Call, given: list[str]) -> list[OpenRequest]:
    """The requests of these numbers; raises Problem if one waits no longer."""
    known = {str(one.number): one for one in open_requests(call.site.store, call.now)}
    if not given or any(number not in known for number in given):
        raise Problem("changed", status=409, title="It was decided meanwhile")
    return [known[number] for number in dict.fromkeys(given)]


ROUTES: Final = (
    Route("/requests", waiting, right=Right.DECIDE, all_mail=True),
    Route("/requests", decide, methods=("POST",), right=Right.DECIDE, all_mail=True),
    Route("/requests/new", ask, right=Right.REQUEST),
    Route("/requests/new", add, methods=("POST",), right=Right.REQUEST),
)
