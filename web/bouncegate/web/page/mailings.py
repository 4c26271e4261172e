"""Mailings and groups: how many bounces each had in the last 30 days, and what can be taken out.

The two counts differ on purpose: a mailing has events, a group has addresses, and the lists behind
them show each address once.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response, StreamingResponse

from bouncegate.admin.report.mbox import mbox_entry
from bouncegate.admin.report.month import first_day
from bouncegate.store.lastmailed import DAY
from bouncegate.store.summary import Summary
from bouncegate.web.call import Call
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right, may
from bouncegate.web.routes import Route


def mailings(call: Call) -> Response:
    """All of the last 30 days, the latest first."""
    return show(call, "mailings.html", "mailings", **_names(call, "mailing"))


def groups(call: Call) -> Response:
    """The same of groups of recipients."""
    values = _names(call, "group")
    values["names"] = [one for one in values["names"] if may(call.person, Right.READ, one.name)]
    return show(call, "mailings.html", "groups", **values)


def mailing(call: Call) -> Response:
    """One mailing."""
    return _one(call, "mailing", "mailings")


def group(call: Call) -> Response:
    """One group."""
    call.require(Right.READ, call.request.path_params["name"])
    return _one(call, "group", "groups")


def messages(call: Call) -> Response:
    """The bounce messages of a mailing, as an mbox file for a mail program."""
    name = call.request.path_params["name"]
    call.require(Right.EXPORT)
    file = f"attachment; filename=\"bounces.mbox\"; filename*=UTF-8''{quote(name)}.mbox"
    return StreamingResponse(
        _mbox(call, name), headers={"content-disposition": file}, media_type="application/mbox"
    )


def _names(call: Call, what: str) -> dict[str, Any]:
    month = (call.site.store.summary.get() or Summary(0)).month
    return {"what": what, "names": month.mailings if what == "mailing" else month.groups}


def _one(call: Call, what: str, here: str) -> Response:
    name = call.request.path_params["name"]
    month = (call.site.store.summary.get() or Summary(0)).month
    known = month.mailings if what == "mailing" else month.groups
    counts = next((one for one in known if one.name == name), None)
    if counts is None:
        text = words_for(call).text("No bounce of the last 30 days names it.")
        raise Problem("not-found", text)
    given = urlencode([("tab", "bounces"), (what, name)])
    return show(
        call,
        "mailing.html",
        here,
        what=what,
        counts=counts,
        bounces_path=f"/recipients?{given}",
        csv_path=f"/recipients.csv?{given}",
        mbox_path=f"/mailings/{quote(name, safe='')}/bounces.mbox" if what == "mailing" else "",
    )


def _mbox(call: Call, name: str) -> Iterator[bytes]:
    """Each message once: one that names many recipients has many bounces, side by side."""
    store, last = call.site.store, b""
    for arrival in store.arrivals.since(first_day(call.now) * DAY):
        event = arrival.event
        if event.mailing != name or not event.raw or event.raw == last:
            continue
        last = event.raw
        raw = store.messages.get(event.raw)
        if raw is not None:
            yield mbox_entry(raw, event.time)


ROUTES: Final = (
    Route("/mailings", mailings, right=Right.READ, all_mail=True),
    # Names come from mail, and may hold a slash.
    Route(
        "/mailings/{name:path}/bounces.mbox",
        messages,
        right=Right.EXPORT,
        all_mail=True,
        streams=True,
    ),
    Route("/mailings/{name:path}", mailing, right=Right.READ, all_mail=True),
    Route("/groups", groups, right=Right.READ),
    Route("/groups/{name:path}", group, right=Right.READ),
)
