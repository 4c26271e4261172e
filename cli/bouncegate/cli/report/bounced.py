"""Who bounced: each bounce of a mailing by itself, each address of a group once."""

from collections.abc import Iterable

from msgspec import Struct

from bouncegate.admin.lists.scope import CurrentScopes
from bouncegate.admin.report.addresses import GroupHistory
from bouncegate.cli.output import iso, write_views
from bouncegate.config.structs import struct_from
from bouncegate.policy.disposition import reported_kind
from bouncegate.store.arrivals import Arrival


class BounceView(Struct):
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


class AddressView(Struct):
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


View = BounceView | AddressView
_IN_TABLE = (
    "address", "group", "time", "last", "kind", "category", "detail", "bounces", "status",
    "diagnostic",
)  # fmt: skip
_LONGEST = 80


def bounce_view(arrival: Arrival, scopes: CurrentScopes) -> BounceView:
    """A bounce as scripts read it."""
    event = arrival.event
    return struct_from(
        event,
        BounceView,
        scope=scopes.of(event.address),
        kind=reported_kind(event),
        time=iso(event.time),
        sent=iso(event.sent or None),
        reason=event.reason.general,
        detail=event.reason,
    )


def address_view(found: tuple[str, str, GroupHistory], scopes: CurrentScopes) -> AddressView:
    """An address of a group as scripts read it."""
    address, group, known = found
    return struct_from(
        known.last,
        AddressView,
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


def write(views: Iterable[View], form: type[View], *, json: bool, csv: bool) -> None:
    """Write them as they come: JSON lines, CSV, or a table."""
    fields = form.__struct_fields__
    columns = [name for name in _IN_TABLE if name in fields]
    write_views(views, columns, json=json, csv=fields if csv else (), longest=_LONGEST)
