"""What the daemon does: one task for each endpoint, one that looks for news, one that tidies up."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.daemon.periodic import PeriodicTask
from bouncegate.policy.fold import Policy
from bouncegate.store.errors import StoreError
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from bouncegate.web.events.collector import Collector
from bouncegate.web.events.deliverer import PAUSE, Deliverer, Telling
from bouncegate.web.events.event import Maker
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.sender import Sender
from bouncegate.web.events.source import Source

log: Final = logging.getLogger("bouncegate.events")

_LOOK_EVERY: Final = 2.0
_TIDY_EVERY: Final = 3600.0
# Where the store cannot be read: not a line a quarter of a second.
_CALM: Final = 10.0


def host_name() -> str:
    """What begins the ids of events: the name of this machine without its domain."""
    return socket.gethostname().partition(".")[0] or "localhost"


class Service:
    """The events of one store."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        store: Store,
        events: EventStore,
        open_ledger: Callable[[], Ledger],
    ) -> None:
        """Use a store that is open, and the environment of the events, to write."""
        self._settings = settings
        self._events = events
        self._make = Maker(host_name())
        self._store = store
        self._policy = policy
        self._collector = Collector(settings, store, events.outbox, self._make, open_ledger)

    def tasks(self, stop: threading.Event) -> Iterator[PeriodicTask]:
        """All of them; each ends soon after `stop`."""
        for endpoint in self._settings.events.endpoint:
            # A source for each: what it remembers of the past is as far back as its endpoint is.
            source = Source(self._store, self._events.outbox, self._policy, host_name())
            telling = Telling(
                source, self._events.deliveries, self._make, self._settings.keeps_events_for
            )
            forbids = self._settings.events.manage == "api"
            sender = Sender(endpoint, forbids_private=forbids, stop=stop)
            deliverer = Deliverer(endpoint, telling, sender)
            yield PeriodicTask(endpoint.name, PAUSE, _calm(endpoint.name, deliverer.run))
        yield PeriodicTask(
            "outbox", _LOOK_EVERY, lambda _stop: self._collector.look(int(time.time()))
        )
        yield PeriodicTask("tidying", _TIDY_EVERY, lambda _stop: self.tidy(int(time.time())))

    def tidy(self, now: int) -> None:
        """Delete what is kept long enough. Raises StoreError."""
        kept = now - self._settings.events.keep_dead.after(0)
        for endpoint in self._settings.events.endpoint:
            if gone := self._events.deliveries.expire(endpoint.name, kept):
                log.warning("endpoint=%s expired dead letters: %d", endpoint.name, gone)
        self._events.outbox.expire(now - self._settings.keeps_events_for)


def _calm(name: str, run: Callable[[threading.Event], None]) -> Callable[[threading.Event], None]:
    def task(stop: threading.Event) -> None:
        try:
            run(stop)
        except StoreError as error:
            log.error("endpoint=%s waits: %s", name, error)
            stop.wait(_CALM)

    return task
