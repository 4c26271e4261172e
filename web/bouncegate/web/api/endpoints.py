"""Where events go: how each endpoint is, what was tried, to pause it and to send again.

Which endpoints there are is said in the config file alone: a token that is stolen can let nothing
be sent elsewhere. The words are those of `bouncegate events`.
"""

import logging
from typing import Final

from msgspec import Struct
from starlette.responses import Response

from bouncegate.admin.times import BadValue, time_of
from bouncegate.store.errors import StoreMissing
from bouncegate.web.api.given import Items
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.api.sight import require_all_mail
from bouncegate.web.call import Call
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.replay import NotStarted, replay_dead, replay_since
from bouncegate.web.events.status import (
    AttemptView,
    DeadView,
    EndpointView,
    attempt_view,
    dead_views,
    endpoint_view,
    endpoint_views,
)
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right

_LOG: Final = logging.getLogger("bouncegate.web")


class DeliveriesView(Struct):
    """What became of events at one endpoint."""

    tried: list[AttemptView]
    """The last attempts, the oldest first."""
    dead: list[DeadView]
    """Events that were given up: `replay` sends them again."""


class PauseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether nothing is sent."""

    paused: bool


class ReplayBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent again; nothing named: all dead letters."""

    ids: list[str] | None = None
    """Only the dead letters of these events."""
    since: str = ""
    """Everything since then: a time, or how long ago."""


class ReplayView(Struct):
    """What is sent again."""

    dead: int
    """How many dead letters."""
    since: bool
    """Whether everything since a time is."""


def get_endpoints(call: Call) -> Response:
    """All of the config file."""
    require_all_mail(call)
    site = call.site
    if not site.settings.events.endpoint:
        return as_json(Items[EndpointView]([]))
    return as_json(Items(list(endpoint_views(site.settings, site.store, _events(call)))))


def get_deliveries(call: Call) -> Response:
    """What was tried last, and what was given up."""
    name, deliveries = _named(call), _events(call).deliveries
    tried = [attempt_view(one) for one in deliveries.tried(name)]
    return as_json(DeliveriesView(tried, list(dead_views(deliveries.dead(name)))))


def pause(call: Call, body: PauseBody) -> Response:
    """Send nothing until it is told otherwise; what happens meanwhile is sent then."""
    name, events = _named(call), _events(call)
    try:
        if body.paused:
            events.deliveries.pause(name, call.now, f"paused by {call.person.name}")
        else:
            replay_dead(events, name, (), call.now)
    except (KeyError, NotStarted):
        raise refused("changed", str(NotStarted(name))) from None
    _note(call, name, "paused" if body.paused else "resumed")
    return as_json(_view(call, name, events))


def replay(call: Call, body: ReplayBody) -> Response:
    """Send again; one that was paused, or answered 410, is sent events again."""
    name, site, events = _named(call), call.site, _events(call)
    if body.since and body.ids is not None:
        raise refused("parameter", "name `ids` or `since`, not both")
    try:
        since = time_of(body.since, call.now)
        if since:
            replay_since(site.store, events, site.policy, name, since)
            count = 0
        else:
            count = replay_dead(events, name, body.ids, call.now)
    except BadValue as error:
        raise refused("parameter", str(error), parameter="since") from None
    except NotStarted as error:
        raise refused("changed", str(error)) from None
    _note(call, name, "to be sent again")
    return as_json(ReplayView(count, bool(since)))


def _named(call: Call) -> str:
    """The endpoint of the path; raises Problem."""
    require_all_mail(call)
    name: str = call.request.path_params["name"]
    if name not in {one.name for one in call.site.settings.events.endpoint}:
        raise Problem("not-found", f"no [[events.endpoint]] is called {name!r}")
    return name


def _events(call: Call) -> EventStore:
    try:
        return call.site.events()
    except StoreMissing as error:
        raise Problem("not-found", str(error)) from None


def _view(call: Call, name: str, events: EventStore) -> EndpointView:
    endpoints = call.site.settings.events.endpoint
    found = next(one for one in endpoints if one.name == name)
    return endpoint_view(found, call.site.store.journal.last(), events)


def _note(call: Call, name: str, what: str) -> None:
    _LOG.info("endpoint=%s %s token=%s client=%s", name, what, call.person.token, call.client)


OPERATIONS: Final = (
    Operation(
        "GET",
        "/endpoints",
        get_endpoints,
        Right.ADMIN,
        "Where events go, and how far each endpoint is",
        answers={200: Items[EndpointView]},
        problems=("not-found",),
    ),
    Operation(
        "GET",
        "/endpoints/{name}/deliveries",
        get_deliveries,
        Right.ADMIN,
        "What was tried at an endpoint, and given up",
        answers={200: DeliveriesView},
        problems=("not-found",),
    ),
    Operation(
        "POST",
        "/endpoints/{name}:pause",
        pause,
        Right.ADMIN,
        "Pause an endpoint, or let it go on",
        PauseBody,
        {200: EndpointView},
        ("not-found", "changed"),
    ),
    Operation(
        "POST",
        "/endpoints/{name}:replay",
        replay,
        Right.ADMIN,
        "Send dead letters again, or everything since a time",
        ReplayBody,
        {200: ReplayView},
        ("not-found", "parameter", "changed"),
    ),
)
