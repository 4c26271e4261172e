"""Outages of providers that the guard found, and the bounces that they hold back."""

from msgspec import Struct

from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.policy.records import Event
from bouncegate.store.incidents import Incident
from bouncegate.store.store import Store


class IncidentView(Struct):
    """One incident as scripts read it; times in UTC, ISO 8601."""

    id: int
    state: str
    """open, confirmed, dismissed or closed."""
    provider: str
    reason: str
    opened: str | None
    addresses: int
    """Distinct addresses that had bounced within the window when it opened."""
    limit: int
    held: int
    """Bounces that are held back; 0 once it is settled."""
    settled: str | None
    by: str | None
    why: str | None


class HeldView(Struct):
    """One bounce that is held back."""

    event: int
    address: str
    time: str | None
    status: str
    diagnostic: str


def incident_view(store: Store, incident: Incident) -> IncidentView:
    """An incident as scripts read it."""
    opened, settled = incident.opened, incident.settled
    return struct_from(
        opened,
        IncidentView,
        reason=opened.reason.general,
        id=incident.number,
        state=settled.verb if settled else "open",
        opened=iso(opened.time),
        held=0 if settled else len(store.incidents.held(incident.number)),
        settled=iso(settled.time) if settled else None,
        by=settled.by if settled else None,
        why=settled.why if settled else None,
    )


def held_view(number: int, event: Event) -> HeldView:
    """A bounce that is held back, as scripts read it."""
    return HeldView(number, event.address, iso(event.time), event.status, event.diagnostic)
