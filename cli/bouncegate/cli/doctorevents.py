"""What `doctor` says of the endpoints of events."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreError, StoreForbidden, StoreMissing
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.web.events.status import EndpointView

_CHECK: Final = "events"
_FAILING_FOR: Final = 86_400
"""Seconds of nothing but failures after which somebody has to be told."""


def check_events(settings: Settings, now: int) -> Iterator[Finding]:
    """Check each endpoint: one that fails for a day loses events at last."""
    if not settings.events.enabled:
        return
    from bouncegate.web.events.eventstore import EventStore  # noqa: PLC0415 - where there are events
    from bouncegate.web.events.status import endpoint_views  # noqa: PLC0415

    try:
        with (
            closing(Store.open(settings.store, readonly=True)) as store,
            closing(EventStore.open(settings.store)) as own,
        ):
            views = list(endpoint_views(settings, store, own))
    except StoreMissing as error:
        fix = "systemctl enable --now bouncegate-events"
        yield Finding(_CHECK, Severity.WARNING, f"{error}: no event is sent", fix)
        return
    except StoreForbidden as error:
        yield not_allowed(_CHECK, error)
        return
    except StoreError as error:
        yield Finding(_CHECK, Severity.ERROR, f"{error}: no event is sent", "fix what it names")
        return
    for view in views:
        yield _finding(view, now)


def _finding(view: "EndpointView", now: int) -> Finding:
    since = view.since or ""
    log = f"bouncegate events log {view.name}"
    if view.state == "disabled":
        text = f"{view.name} answered 410 Gone on {since}: it is sent nothing"
        fix = f"remove the endpoint, or: bouncegate events replay {view.name}"
        return Finding(_CHECK, Severity.WARNING, text, fix)
    if view.state == "failing" and now - view.failing_since >= _FAILING_FOR:
        text = f"{view.name} fails since {since} ({view.error}): its events become dead letters"
        return Finding(_CHECK, Severity.WARNING, text, f"fix the receiver; see {log}")
    if view.dead:
        text = f"{view.name}: {counted(view.dead, 'dead letter')}, which are kept for a while"
        fix = f"bouncegate events replay {view.name}; see {log} --dead"
        return Finding(_CHECK, Severity.NOTE, text, fix)
    text = f"{view.name}: {view.state}, {counted(view.waiting, 'request')} waiting"
    return Finding(_CHECK, Severity.OK, text)
