"""Who bounced: each bounce of a mailing by itself, each address of a group once."""

from collections.abc import Iterable

from msgspec import Struct

from bouncegate.admin.report.addresses import GroupHistory
from bouncegate.cli.output import iso, write_views
from bouncegate.store.arrivals import Arrival


class BounceView(Struct):
    """One bounce as scripts read it; times in UTC, ISO 8601."""

    address: str
    """Empty if the bounce names no recipient."""
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


def bounce_view(arrival: Arrival) -> BounceView:
    """A bounce as scripts read it."""
    event = arrival.event
    return BounceView(
        address=event.address,
        time=iso(event.time),
        sent=iso(event.sent or None),
        kind=event.kind,
        category=event.category,
        reason=event.reason.general,
        detail=event.reason,
        status=event.status,
        diagnostic=event.diagnostic,
        mailing=event.mailing,
        group=event.group,
        sender=event.sender,
        provider=event.provider,
        message_id=event.message_id,
        trust=event.trust,
    )


def address_view(found: tuple[str, str, GroupHistory]) -> AddressView:
    """An address of a group as scripts read it."""
    address, group, known = found
    last = known.last
    return AddressView(
        address=address,
        group=group,
        kind=last.kind,
        category=last.category,
        reason=last.reason.general,
        detail=last.reason,
        bounces=known.bounces,
        complaints=known.complaints,
        first=iso(known.first.time),
        last=iso(last.time),
        mailing=last.mailing,
        provider=last.provider,
        status=last.status,
        diagnostic=last.diagnostic,
    )


def write(views: Iterable[View], form: type[View], *, json: bool, csv: bool) -> None:
    """Write them as they come: JSON lines, CSV, or a table."""
    fields = form.__struct_fields__
    columns = [name for name in _IN_TABLE if name in fields]
    write_views(views, columns, json=json, csv=fields if csv else (), longest=_LONGEST)
