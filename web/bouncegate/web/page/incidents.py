"""Incidents: providers that refused so much at once that the guard held their bounces back."""

from typing import Final, Literal

from starlette.responses import Response

from bouncegate.admin.views.incidents import IncidentView, incident_view
from bouncegate.store.incidents import Incident
from bouncegate.web import acts
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language
from bouncegate.web.page.question import Field, Question, put
from bouncegate.web.page.selection import asking, reason_in
from bouncegate.web.page.showing import back_with, show, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right, may
from bouncegate.web.routes import Route

_SHOWN: Final = 100
_VERBS: Final[dict[str, Literal["confirmed", "dismissed"]]] = {
    "confirm": "confirmed",
    "dismiss": "dismissed",
}


def incidents(call: Call) -> Response:
    """All that are known, the latest first; those that are open come before."""
    known = sorted(
        (incident_view(call.site.store, one) for one in call.site.store.incidents.all()),
        key=lambda one: (one.state != "open", -one.id),
    )
    return show(
        call,
        "incidents.html",
        "incidents",
        incidents=known[:_SHOWN],
        may_settle=may(call.person, Right.SETTLE),
    )


def ask(call: Call) -> Response:
    """The question before an incident is settled."""
    words, verb = words_for(call), call.request.query_params.get("verb", "")
    view = incident_view(call.site.store, _incident(call))
    question = Question(
        _title(verb, words),
        f"/incidents/{view.id}",
        "/incidents",
        _will(verb, view, words),
        fields=[Field("why", words.text("Reason for the audit log"), required=True)],
        values=[("verb", verb)],
        button=_title(verb, words),
    )
    return put(call, question, "incidents")


def settle(call: Call) -> Response:
    """Count what was held back, or void it."""
    verb = _VERBS.get(call.form.one("verb"))
    if verb is None:
        raise Problem("request", "Confirm or dismiss?")
    asked, number = asking(call, reason_in(call)), _incident(call).number
    done = call.site.act_now(acts.settle, asked, number, verb)
    if done is None or done.settled is None or done.settled.verb != verb:
        raise Problem("changed", status=409, title="It was decided meanwhile")
    return back_with("/incidents", "settled", 1)


def _title(verb: str, words: Language) -> str:
    titles = {"confirm": "Count the bounces", "dismiss": "Void the bounces"}
    if verb not in titles:
        raise Problem("request", "Confirm or dismiss?")
    return words.text(titles[verb])


def _will(verb: str, view: IncidentView, words: Language) -> str:
    if verb == "confirm":
        return words.plural(
            "1 bounce that was held back will count: the address is dead.",
            "{n} bounces that were held back will count: the addresses are dead.",
            view.held,
        )
    return words.plural(
        "1 bounce that was held back will be void: the provider was broken.",
        "{n} bounces that were held back will be void: the provider was broken.",
        view.held,
    )


def _incident(call: Call) -> Incident:
    number = call.request.path_params["number"]
    for one in call.site.store.incidents.all():
        if str(one.number) == number:
            return one
    raise Problem("not-found", words_for(call).text("There is no such incident."))


ROUTES: Final = (
    Route("/incidents", incidents, right=Right.READ, all_mail=True),
    Route("/incidents/{number}", ask, right=Right.SETTLE, all_mail=True),
    Route("/incidents/{number}", settle, methods=("POST",), right=Right.SETTLE, all_mail=True),
)
