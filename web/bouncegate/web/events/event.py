"""An event, and what each type of it tells.

The classes below are the documentation of the payload: docs/events.md shows their fields, and a
test compares the two. A field is never taken away, and never means something else.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ClassVar, Final

import msgspec
from msgspec import Struct

from bouncegate.admin.lists.corrections import id_of
from bouncegate.policy.records import NO_END

_DIGEST: Final = 6


class Data(Struct, frozen=True):
    """What an event tells."""

    type: ClassVar[str] = ""


class AddressData(Data, frozen=True):
    """What an event tells of an address."""

    address: str
    internal_id: str
    """As in exported files; the same for the same address."""


class BounceReceived(AddressData, frozen=True):
    """A bounce came, whether or not it counts."""

    type = "bounce.received"
    kind: str
    category: str
    reason: str
    blame: str
    effect: str
    """What it did: "locked", "counted", "held", "sender-to-blame", as in "bouncegate explain"."""
    hard: int
    soft: int
    soft_in_row: int
    status: str | None
    diagnostic: str | None
    mailing: str | None
    group: str | None
    message_id: str | None
    trust: str
    """What proves it: "signed", "matched" or "unverified"."""


class ComplaintReceived(AddressData, frozen=True):
    """Somebody called a message spam (RFC 5965)."""

    type = "complaint.received"
    effect: str
    feedback_type: str | None
    mailing: str | None
    group: str | None
    message_id: str | None
    trust: str


class LockData(AddressData, frozen=True):
    """A lock."""

    kind: str
    reason: str
    origin: str
    since: str
    until: str | None
    """Null: without end."""
    scope: str | None
    """The group; null: all mail."""
    by: str | None
    why: str | None


class AddressLocked(LockData, frozen=True):
    """A lock was made."""

    type = "address.locked"


class AddressChanged(LockData, frozen=True):
    """Another lock, or another end, took the place of one."""

    type = "address.changed"


class AddressUnlocked(AddressData, frozen=True):
    """A lock is gone."""

    type = "address.unlocked"
    cause: str
    """"ended", "unlock", "alive", "delivered", "undone", "list" or "domain-recovered"."""
    kind: str | None
    reason: str | None
    scope: str | None
    by: str | None
    why: str | None


class AddressCorrected(AddressData, frozen=True):
    """An operator says which address was meant."""

    type = "address.corrected"
    corrected_to: str
    by: str | None
    why: str | None


class AddressPurged(Data, frozen=True):
    """All data about a person was removed here: remove yours."""

    type = "address.purged"
    internal_id: str


class DeliveryRefused(AddressData, frozen=True):
    """Mail to a locked address was refused: so many times in an hour."""

    type = "delivery.refused"
    count: int
    sender: str | None
    mailing: str | None
    group: str | None
    reason: str
    until: str | None


class IncidentOpened(Data, frozen=True):
    """Too many addresses of one provider bounce: locking is suspended there."""

    type = "incident.opened"
    incident: int
    provider: str
    reason: str
    addresses: int
    limit: int


class IncidentSettled(Data, frozen=True):
    """An incident is over: "confirmed", "dismissed" or "closed"."""

    type = "incident.settled"
    incident: int
    outcome: str
    by: str | None
    why: str | None


class SenderBlamed(Data, frozen=True):
    """So many bounces of an hour blame a sender as `[alarm] sender_blame` says."""

    type = "sender.blamed"
    sender: str
    hour: str
    bounces: int
    reason: str
    advice: str


class UnlockRequested(AddressData, frozen=True):
    """Somebody asks for an address to be unlocked."""

    type = "unlock.requested"
    request: int
    by: str | None
    why: str | None
    expires: str | None


class UnlockDecided(AddressData, frozen=True):
    """A request was "approved" or "declined", or its time was up: "expired"."""

    type = "unlock.decided"
    request: int
    decision: str
    by: str | None
    why: str | None


class SyncRequired(Data, frozen=True):
    """Events are missing: fetch all locks again. What follows is complete from here on."""

    type = "sync.required"
    because: str
    """"away" for longer than the journal is kept, the store was "restored" from a backup, or of
    "too-many" refusals or purges some were dropped."""


class EndpointTest(Data, frozen=True):
    """An operator tries an endpoint."""

    type = "endpoint.test"
    endpoint: str


PAYLOADS: Final[tuple[type[Data], ...]] = (
    BounceReceived,
    ComplaintReceived,
    AddressLocked,
    AddressChanged,
    AddressUnlocked,
    AddressCorrected,
    AddressPurged,
    DeliveryRefused,
    IncidentOpened,
    IncidentSettled,
    SenderBlamed,
    UnlockRequested,
    UnlockDecided,
    SyncRequired,
    EndpointTest,
)
ALWAYS: Final = frozenset({SyncRequired.type, EndpointTest.type})
"""What every endpoint gets, whatever types it asks for."""


class Event(Struct, frozen=True):
    """One thing that happened, as it is sent."""

    id: str
    """HOST-SEQUENCE-HEX: the same whenever this event is sent."""
    type: str
    timestamp: str
    sequence: int
    """The number of the journal's entry; of two events about an address the later has no less."""
    data: dict[str, Any]

    @property
    def address(self) -> str:
        """The address that it is about; empty if it is about none."""
        return self.data.get("address") or ""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that it is for; none: all."""
        found = {self.data.get("group"), self.data.get("scope")} - {None, ""}
        return tuple(sorted(map(str, found)))


class Maker:
    """Makes events of one host."""

    def __init__(self, host: str) -> None:
        """`host` begins every id: the name of this machine."""
        self._host = host

    def __call__(self, data: Data, time: int, sequence: int, *distinct: object) -> Event:
        """The event of that time; `distinct` is what tells it from others of its entry."""
        type_, when = data.type, iso(time) or ""
        name = "\0".join((type_, str(time), *map(str, distinct)))
        digest = blake2b(name.encode("utf-8", "replace"), digest_size=_DIGEST).hexdigest()
        return Event(
            f"{self._host}-{sequence}-{digest}", type_, when, sequence, msgspec.to_builtins(data)
        )


def about(address: str) -> tuple[str, str]:
    """The first two fields of what is told of an address."""
    return address, id_of(address)


def iso(seconds: int) -> str | None:
    """Seconds since 1970 in ISO 8601, UTC; None for no end."""
    if seconds == NO_END:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


encoded: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode
"""JSON in one line."""
