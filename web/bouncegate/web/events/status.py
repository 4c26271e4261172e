"""How the endpoints are, for commands, `doctor` and metrics."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from bouncegate.config.settings import Settings
from bouncegate.config.websettings import EndpointSettings
from bouncegate.store.store import Store
from bouncegate.web.events.deliveries import Attempt, Parcel
from bouncegate.web.events.event import iso
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.post import Target


class EndpointView(Struct):
    """One endpoint as scripts read it; times in UTC, ISO 8601."""

    name: str
    target: str
    state: str
    """"ok", "failing", "disabled" or "new"."""
    behind: int
    """Entries of the journal that it was not told of yet."""
    waiting: int
    """Requests that failed and are tried again, and what stands behind them."""
    dead: int
    delivered: int
    """Events."""
    failed: int
    """Attempts."""
    died: int
    since: str | None
    """Since when it is failing or disabled."""
    error: str
    failing_since: int = 0
    """The same in seconds since 1970; 0: it is not failing."""


class AttemptView(Struct):
    """One attempt as scripts read it."""

    time: str | None
    id: str
    type: str
    outcome: str
    status: int
    seconds: float
    answer: str


class DeadView(Struct):
    """One dead letter as scripts read it."""

    id: str
    type: str
    tries: int
    since: str | None
    error: str


def endpoint_views(settings: Settings, store: Store, events: EventStore) -> Iterator[EndpointView]:
    """Each endpoint of the config. Raises StoreError."""
    last = store.journal.last()
    for endpoint in settings.events.endpoint:
        yield endpoint_view(endpoint, last, events)


def endpoint_view(endpoint: EndpointSettings, last: int, events: EventStore) -> EndpointView:
    """One endpoint; `last` is the number of the last entry of the journal. Raises StoreError."""
    name, target = endpoint.name, target_of(endpoint)
    place = events.deliveries.place(name)
    if place is None:
        return EndpointView(name, target, "new", 0, 0, 0, 0, 0, 0, None, "")
    since = place.disabled or place.failing_since
    state = "disabled" if place.disabled else "failing" if place.failing_since else "ok"
    return EndpointView(
        name=name,
        target=target,
        state=state,
        behind=max(last - place.position.number, 0),
        waiting=len(events.deliveries.waiting(name)),
        dead=len(events.deliveries.dead(name)),
        delivered=place.delivered,
        failed=place.failed,
        died=place.died,
        since=iso(since) if since else None,
        error=place.last_error if since else "",
        failing_since=place.failing_since,
    )


def target_of(endpoint: EndpointSettings) -> str:
    """Where events go, without what a URL may hold that is secret."""
    if endpoint.spool.path is not None:
        return str(endpoint.spool.path)
    target = Target.of(endpoint.url)
    return f"{target.scheme}://{target.host}:{target.port}"


def attempt_view(attempt: Attempt) -> AttemptView:
    """An attempt as scripts read it."""
    return AttemptView(
        time=iso(int(attempt.time)),
        id=attempt.id,
        type=attempt.type,
        outcome=attempt.outcome,
        status=attempt.status,
        seconds=attempt.seconds,
        answer=attempt.answer,
    )


def dead_views(parcels: list[Parcel]) -> Iterator[DeadView]:
    """The events of dead letters."""
    for parcel in parcels:
        for event in parcel.events:
            yield DeadView(
                event.id, event.type, parcel.tries, iso(int(parcel.first_failed)), parcel.error
            )
