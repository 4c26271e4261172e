"""Figures of the endpoints, for Prometheus: `maintain` exports them with all others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import Metric

from bouncegate.config.settings import Settings
from bouncegate.daemon.metrics.families import counters, gauges
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.store import Store
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.status import EndpointView, endpoint_views

_LOG: Final = logging.getLogger("bouncegate.metrics")
_GAUGES: Final = {
    "behind": "Entries of the journal that an endpoint was not told of yet.",
    "waiting": "Requests to an endpoint that failed and are tried again, and what waits for them.",
    "dead": "Dead letters of an endpoint.",
}
_COUNTERS: Final = {
    "delivered": "Events that an endpoint accepted.",
    "failed": "Attempts to reach an endpoint that failed.",
}
_LABELS: Final = ("endpoint",)


class EventFigures:
    """A collector of prometheus_client; without an environment of events it tells nothing."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._events: EventStore | None = None

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are not looked for before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every figure that can be had."""
        try:
            if self._events is None or self._events.replaced():
                self._events = EventStore.open(self._settings.store)
            views = list(endpoint_views(self._settings, self._store, self._events))
        except StoreMissing:  # the daemon has not run yet
            return
        except StoreError as error:
            _LOG.warning("no figures of events: %s", error)
            return
        yield from figures_of(views)


def figures_of(views: list[EndpointView]) -> Iterator[Metric]:
    """The figures of some endpoints."""
    for name, help_ in _GAUGES.items():
        values = (([view.name], getattr(view, name)) for view in views)
        yield gauges(f"events_{name}", help_, _LABELS, values)
    yield gauges(
        "events_failing",
        "1 while no attempt to reach an endpoint succeeds, or it is disabled.",
        _LABELS,
        (([view.name], view.state in ("failing", "disabled")) for view in views),
    )
    for name, help_ in _COUNTERS.items():
        values = (([view.name], getattr(view, name)) for view in views)
        yield counters(f"events_{name}", help_, _LABELS, values)
