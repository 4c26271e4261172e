"""Everything that is stored about one address."""

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from bouncegate.admin.installation import Installation
from bouncegate.admin.ledgers import sends_to
from bouncegate.admin.lists.requests import open_requests
from bouncegate.admin.views.addresses import AddressView, DeferralView, address_view, deferrals_of
from bouncegate.admin.views.audit import AuditView, audit_view
from bouncegate.admin.views.requests import RequestView, request_view
from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Event, JournalEntry, Summary
from bouncegate.store.lastmailed import DAY
from bouncegate.store.store import Store

# Text that is no UTF-8 is shown with U+FFFD: JSON has no octets.
_UNREADABLE = "replace"


class MessageView(Struct):
    """One bounce message as it came."""

    event: int
    text: str


class SendView(Struct):
    """One send to the address; other recipients of the message are left out."""

    time: str | None
    sender: str
    queue_id: str
    message_id: str
    mailing: str
    group: str


class PersonView(Struct):
    """What is stored about an address; times in UTC, ISO 8601."""

    address: str
    exported: str | None
    """When this was written."""
    known: AddressView | None = None
    last_mailed: str | None = None
    invalid: str = ""
    """Why it cannot be mailed as it is written."""
    entries: list[dict[str, Any]] = []
    """The journal: bounces, deliveries, signs of life, what operators did, in order."""
    messages: list[MessageView] = []
    sends: list[SendView] = []
    """What the ledger knows, the newest first."""
    deferrals: list[DeferralView] = []
    audit: list[AuditView] = []
    requests: list[RequestView] = []
    """Requests to unlock it that wait."""


def person_of(
    installation: Installation, store: Store | None, address: str, now: int
) -> PersonView:
    """Everything about a canonical address; raises StoreError."""
    view = PersonView(address, iso(now))
    if store is not None:
        _fill(store, view, installation.policy, now)
    sends = sends_to(installation, address)
    view.sends = [struct_from(sent, SendView, time=iso(sent.time)) for sent in sends]
    return view


def _fill(store: Store, view: PersonView, policy: Policy, now: int) -> None:
    address = view.address
    view.known = address_view(store, policy, address, now)
    day = store.lastmailed.day(address)
    view.last_mailed = iso(day * DAY) if day is not None else None
    view.invalid = store.lastmailed.fault(address)
    view.deferrals = deferrals_of(store, address)
    view.audit = [audit_view(one) for one in store.audits.of_address(address)]
    waiting = (one for one in open_requests(store, now) if one.request.address == address)
    view.requests = [request_view(one) for one in waiting]
    for number, entry, mark in store.history.of_address(address):
        view.entries.append(_entry(address, number, entry) | ({"left_out": mark} if mark else {}))
        if isinstance(entry, Event) and entry.raw:
            raw = store.messages.get(entry.raw)
            if raw is not None:
                view.messages.append(MessageView(number, raw.decode("utf-8", _UNREADABLE)))


def _entry(address: str, number: int, entry: JournalEntry) -> dict[str, Any]:
    """An entry without those whom else it concerns, and without what only joins tables."""
    fields = asdict(entry)
    for inner in ("identity", "raw", "audit", "addresses", "last"):
        fields.pop(inner, None)
    for name in ("time", "sent", "first_time", "until"):
        if name in fields:
            fields[name] = iso(fields[name] or None)
    if isinstance(entry, Event | Act):
        fields |= {"reason": entry.reason.general, "detail": entry.reason}
    if isinstance(entry, Summary):
        fields["state"] = asdict(entry.state)
    return {"number": number, "what": type(entry).__name__.lower(), "address": address} | fields
