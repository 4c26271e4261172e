"""Who bounced: each bounce of a mailing by itself, each address of a group once."""

from msgspec import Struct

from bouncegate.admin.lists.scope import CurrentScopes
from bouncegate.admin.report.addresses import GroupHistory
from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.policy.disposition import reported_kind
from bouncegate.store.arrivals import Arrival


class BouncedView(Struct):
    """One bounce as scripts read it; times in UTC, ISO 8601."""

    address: str
    """Empty if the bounce names no recipient."""
    scope: str | None
    """Which mail of the address is locked now: `global` or `group:NAME`; null without a lock."""
    time: str | None
    """When it came."""
    sent: str | None
    """When the message was sent, where the ledger knew it."""
    kind: str
    category: str
    reason: str
    detail: str
    status: str
    diagnostic: str
    mailing: str
    group: str
    sender: str
    provider: str
    message_id: str
    trust: str


class MemberView(Struct):
    """One address of a group as scripts read it: its last bounce, and how many came."""

    address: str
    group: str
    scope: str | None
    """As in a bounce."""
    kind: str
    category: str
    reason: str
    detail: str
    bounces: int
    complaints: int
    first: str | None
    last: str | None
    mailing: str
    provider: str
    status: str
    diagnostic: str


def bounced_view(arrival: Arrival, scopes: CurrentScopes) -> BouncedView:
    """A bounce as scripts read it."""
    event = arrival.event
    return struct_from(
        event,
        BouncedView,
        scope=scopes.of(event.address),
        kind=reported_kind(event),
        time=iso(event.time),
        sent=iso(event.sent or None),
        reason=event.reason.general,
        detail=event.reason,
    )


def member_view(found: tuple[str, str, GroupHistory], scopes: CurrentScopes) -> MemberView:
    """An address of a group as scripts read it."""
    address, group, known = found
    return struct_from(
        known.last,
        MemberView,
        scope=scopes.of(address),
        kind=reported_kind(known.last),
        reason=known.last.reason.general,
        detail=known.last.reason,
        address=address,
        group=group,
        bounces=known.bounces,
        complaints=known.complaints,
        first=iso(known.first.time),
        last=iso(known.last.time),
    )
