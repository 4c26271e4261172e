"""Corrections, requests to unlock, incidents, and the removal of what is stored about somebody."""

from typing import Final, Literal

from msgspec import Struct
from starlette.responses import Response

from bouncegate.admin.lists.corrections import Correction, Requested, chained, is_done, resolve
from bouncegate.admin.lists.requests import OpenRequest, open_requests
from bouncegate.admin.views.incidents import IncidentView, incident_view
from bouncegate.admin.views.requests import RequestView, request_view
from bouncegate.store.address import AddressError, canonical
from bouncegate.web import acts, purging
from bouncegate.web.acts import Asking
from bouncegate.web.api.asking import asking
from bouncegate.web.api.batches import BatchView, ItemProblem, ItemView
from bouncegate.web.api.given import Items, address_in, keys_in, require_few
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.api.sight import require_all_mail
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.purging import PurgedView
from bouncegate.web.rights import Right


class CorrectionItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A mistyped address, by itself or by its id, and the right one."""

    new: str
    old: str = ""
    id: str = ""
    """As lists and exported files have it."""


class CorrectionsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Corrections to make."""

    items: list[CorrectionItem]
    why: str
    dry_run: bool = False


class RequestsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses that somebody else is to unlock."""

    addresses: list[str]
    why: str
    notify: str = ""


class WhyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is decided so."""

    why: str


class PurgeQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is removed."""

    why: str


class NumberView(Struct):
    """A request that was made."""

    id: int
    address: str


def correct(call: Call, body: CorrectionsBody) -> Response:
    """Replace mistyped addresses by the right ones, each by itself."""
    require_few(call, body.items)
    require_all_mail(call)
    asked = asking(call, body.why)
    return as_json(call.site.act_now(_correct, call, asked, body))


def _correct(call: Call, asked: Asking, body: CorrectionsBody) -> BatchView:
    wanted, items = _wanted(call, body)
    faults = {fault.line: fault.why for fault in chained(wanted)}
    good: list[Correction] = []
    for one in wanted:
        fault = faults.get(one.line) or acts.fault_of(asked, one)
        if fault:
            items[one.line] = _refused(one.old, fault, "kept")
        elif is_done(call.site.store, one):
            items[one.line] = ItemView(one.old, "unchanged")
        else:
            items[one.line] = ItemView(one.old, "done")
            good.append(one)
    if good and not body.dry_run:
        done = set(acts.correct(asked, good).addresses)
        for one in good:
            if one.old not in done:
                items[one.line] = _refused(one.old, "its locks changed meanwhile", "kept")
    found = [items[number] for number in range(len(body.items))]
    number = sum(one.status == "done" for one in found)
    kept = sum(one.problem is not None for one in found)
    return BatchView(found, number, kept, body.dry_run)


def _wanted(call: Call, body: CorrectionsBody) -> tuple[list[Correction], dict[int, ItemView]]:
    """The corrections that can be read, by the places of their items, and what is none."""
    fold = call.site.settings.store.fold_local_part
    items: dict[int, ItemView] = {}
    found: list[Correction] = []
    by_id: dict[str, Correction] = {}
    for place, item in enumerate(body.items):
        try:
            new = canonical(item.new, fold=fold)
            old = canonical(item.old, fold=fold) if item.old else ""
        except AddressError as error:
            items[place] = _refused(item.old or item.new, str(error), "refused", "address")
            continue
        if bool(old) == bool(item.id):
            items[place] = _refused(item.old, "name `old` or `id`", "refused", "body")
        elif old in {one.old for one in found} or item.id in by_id:
            items[place] = _refused(item.old or item.id, "it stands there twice", "refused", "body")
        elif old:
            found.append(Correction(old, new, place))
        else:
            by_id[item.id] = Correction("", new, place)
    if by_id:
        requested = Requested(by_id, 0, [])
        found += resolve(call.site.store, requested)
        for fault in requested.faults:
            items[fault.line] = _refused(body.items[fault.line].id, fault.why, "refused", "body")
    return found, items


def _refused(
    address: str, why: str, status: Literal["kept", "refused"], kind: str = "correction"
) -> ItemView:
    problem = refused(kind, why)
    told = ItemProblem(f"/problems/{kind}", problem.title, why)
    return ItemView(address, status, told)


def add_requests(call: Call, body: RequestsBody) -> Response:
    """Ask somebody else to unlock."""
    addresses, asked = keys_in(call, body.addresses), asking(call, body.why)
    numbers = call.site.act_now(acts.request, asked, addresses, body.notify)
    made = [NumberView(*one) for one in zip(numbers, addresses, strict=True)]
    return as_json(Items(made), 201)


def get_requests(call: Call) -> Response:
    """Those that wait, the oldest first."""
    require_all_mail(call)
    waiting = open_requests(call.site.store, call.now)
    return as_json(Items([request_view(one) for one in waiting]))


def approve(call: Call, body: WhyBody) -> Response:
    """Unlock what was asked for."""
    one, asked = _request(call), asking(call, body.why)
    if call.site.act_now(acts.approve, asked, [one]).left:
        raise refused("decided", "its locks have changed since: look at it again")
    return as_json(request_view(one))


def decline(call: Call, body: WhyBody) -> Response:
    """Leave it locked."""
    one, asked = _request(call), asking(call, body.why)
    call.site.act_now(acts.decline, asked, [one])
    return as_json(request_view(one))


def _request(call: Call) -> OpenRequest:
    require_all_mail(call)
    number = call.request.path_params["id"]
    for one in open_requests(call.site.store, call.now):
        if one.number == number:
            return one
    raise Problem("not-found", f"no request {number} waits")


def confirm(call: Call, body: WhyBody) -> Response:
    """Count what an incident holds back."""
    return _settled(call, body, "confirmed")


def dismiss(call: Call, body: WhyBody) -> Response:
    """Void what an incident holds back."""
    return _settled(call, body, "dismissed")


def _settled(call: Call, body: WhyBody, verb: Literal["confirmed", "dismissed"]) -> Response:
    require_all_mail(call)
    number = call.request.path_params["id"]
    asked = asking(call, body.why)
    found = call.site.act_now(acts.settle, asked, number, verb)
    if found is None:
        raise Problem("not-found", f"there is no incident {number}")
    view = incident_view(call.site.store, found)
    if view.state != verb:
        raise refused("decided", f"it is {view.state} already", state=view.state)
    return as_json(view)


def purge(call: Call, asked: PurgeQuery) -> Response:
    """Remove what is stored about somebody; a lock in force stays, as a salted hash."""
    require_all_mail(call)
    address = address_in(call)
    if address.startswith("@"):
        raise refused("address", "an address, not a domain")
    return as_json(call.site.act_now(purging.purge, asking(call, asked.why), address))


_DECISION: Final = ("not-found", "decided")

OPERATIONS: Final = (
    Operation(
        "POST",
        "/corrections",
        correct,
        Right.CORRECT,
        "Correct mistyped addresses",
        CorrectionsBody,
        {200: BatchView},
        ("too-many",),
    ),
    Operation(
        "POST",
        "/requests",
        add_requests,
        Right.REQUEST,
        "Ask somebody else to unlock",
        RequestsBody,
        {201: Items[NumberView]},
        ("too-many", "address"),
    ),
    Operation(
        "GET",
        "/requests",
        get_requests,
        Right.DECIDE,
        "The requests that wait",
        answers={200: Items[RequestView]},
    ),
    Operation(
        "POST",
        "/requests/{id:int}:approve",
        approve,
        Right.DECIDE,
        "Unlock what was asked for",
        WhyBody,
        {200: RequestView},
        _DECISION,
    ),
    Operation(
        "POST",
        "/requests/{id:int}:decline",
        decline,
        Right.DECIDE,
        "Leave it locked",
        WhyBody,
        {200: RequestView},
        _DECISION,
    ),
    Operation(
        "POST",
        "/incidents/{id:int}:confirm",
        confirm,
        Right.SETTLE,
        "Count what an incident holds back",
        WhyBody,
        {200: IncidentView},
        _DECISION,
    ),
    Operation(
        "POST",
        "/incidents/{id:int}:dismiss",
        dismiss,
        Right.SETTLE,
        "Void what an incident holds back",
        WhyBody,
        {200: IncidentView},
        _DECISION,
    ),
    Operation(
        "DELETE",
        "/addresses/{address:path}/data",
        purge,
        Right.PURGE,
        "Remove what is stored about somebody",
        PurgeQuery,
        {200: PurgedView},
        ("address",),
    ),
)
