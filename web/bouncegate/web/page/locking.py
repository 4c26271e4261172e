"""Locking by hand: of chosen addresses, or of those that are typed in."""

from typing import Final

from starlette.responses import Response

from bouncegate.admin.times import BadValue, end_of
from bouncegate.config.text import LONGEST_LINE, clean
from bouncegate.web import acts
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language
from bouncegate.web.page.question import SHOWN, Field, Question, put
from bouncegate.web.page.selection import asking, reason_in, selected
from bouncegate.web.page.showing import back_with, own_path, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route

_ENDS: Final = (
    ("", "Without end"),
    ("7 days", "For 7 days"),
    ("1 month", "For 1 month"),
    ("6 months", "For 6 months"),
    ("1 year", "For 1 year"),
)


def ask(call: Call) -> Response:
    """The question."""
    given, words = call.request.query_params, words_for(call)
    addresses = selected(call, given.getlist("a"))
    number = len(addresses)
    will = (
        words.plural(
            "1 address will be locked; mail to it is refused.",
            "{n} addresses will be locked; mail to them is refused.",
            number,
        )
        if number
        else words.text("Mail to this address, or to all of @domain, will be refused.")
    )
    typed = () if number else (Field("a", words.text("Address or @domain"), required=True),)
    question = Question(
        words.text("Lock"),
        "/lock",
        own_path(given.get("back", "")),
        will,
        addresses[:SHOWN],
        max(number - SHOWN, 0),
        fields=(
            *typed,
            Field("why", words.text("Reason for the audit log"), required=True),
            Field(
                "until",
                words.text("How long"),
                "select",
                options=[(value, words.text(title)) for value, title in _ENDS],
            ),
            _group_field(call, words),
        ),
        values=[("a", one) for one in addresses],
        button=words.text("Lock"),
    )
    return put(call, question)


def _group_field(call: Call, words: Language) -> Field:
    """For which mail; who is bound to groups chooses one of theirs."""
    title = words.text("Only for this group")
    if call.person.groups:
        own = [(name, name) for name in sorted(call.person.groups)]
        return Field("group", title, "select", options=own)
    return Field("group", title, hint=words.text("Empty: all mail"))


def act(call: Call) -> Response:
    """Lock them."""
    form = call.form
    addresses = selected(call, form.all("a"))
    try:
        end = end_of(form.one("until"), call.now)
    except BadValue as error:
        raise Problem("request", words_for(call).say(error.key, **error.values)) from None
    group = clean(form.one("group").strip(), LONGEST_LINE)
    for address in addresses:  # a domain is locked for all mail alone
        call.require(Right.LOCK, "" if address.startswith("@") else group)
    done = call.site.act_now(acts.lock, asking(call, reason_in(call)), addresses, end, group)
    return back_with(form.one("back"), "locked", len(done.addresses))


ROUTES: Final = (
    Route("/lock", ask, right=Right.LOCK),
    Route("/lock", act, methods=("POST",), right=Right.LOCK),
)
