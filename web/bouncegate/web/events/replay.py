"""Delivering again, by hand."""

from __future__ import annotations

from collections.abc import Sequence

from bouncegate.policy.fold import Policy
from bouncegate.store.store import Store
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.service import host_name
from bouncegate.web.events.source import Source


class NotStarted(Exception):
    """The daemon has not seen the endpoint yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: nothing was sent yet: start bouncegate events, then try again")


def replay_dead(events: EventStore, name: str, ids: Sequence[str] | None, now: int) -> int:
    """Let dead letters be sent again, all or those of some events; returns how many.

    Raises NotStarted, StoreError.
    """
    try:
        return events.deliveries.replay_dead(name, ids, now)
    except KeyError:
        raise NotStarted(name) from None


def replay_since(store: Store, events: EventStore, policy: Policy, name: str, time: int) -> None:
    """Let everything since a time be sent again; raises NotStarted, StoreError."""
    source = Source(store, events.outbox, policy, host_name())
    position, place = source.since(time), events.deliveries.place(name)
    if place is None:
        raise NotStarted(name)
    if position.number > place.position.number:  # it is not even there yet
        position = place.position
    events.deliveries.rewind(name, position, source.time_of(position.number) or 0)
