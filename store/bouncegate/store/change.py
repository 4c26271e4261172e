"""A change as it goes from one machine to all: what the outbox holds, and the shared log.

A change says all that decides what it does, so that each machine comes to the same: the bounce and
what was on record of the sends when it came, the act and its condition, the settlement. Times are
those of the machine that took it in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec import Struct

from bouncegate.policy.known import Mailed
from bouncegate.policy.records import Act, Audit, Delivered, Event, Opened, Ruling, Settled
from bouncegate.policy.rules import Rules
from bouncegate.store.codec import packed, unpacked

Standing = Literal["kept", "unconfirmed"]
"""What an event must be for a ruling to concern it.

`kept`: it is in the journal, and not void. `unconfirmed`: it waits for DNS.
"""


class BounceChange(Struct, frozen=True, tag="bounce", omit_defaults=True):
    """The events of a DSN, or some of them."""

    events: tuple[Event, ...]
    mailed: tuple[Mailed, ...]
    """Of each event, what was on record of the sends to its address."""
    octets: int
    """Of its message, as the machine keeps it that took it in; 0 where it keeps none."""
    is_set_aside: bool = False


class ActsChange(Struct, frozen=True, tag="acts", omit_defaults=True):
    """Acts and deliveries, in order."""

    acts: tuple[Act | Delivered, ...]
    audit: Audit | None = None


class RulingChange(Struct, frozen=True, tag="rule", omit_defaults=True):
    """What becomes of events that the log has ordered already."""

    ruling: Ruling
    standing: Standing
    audit: Audit | None = None


class SettlementChange(Struct, frozen=True, tag="settle", omit_defaults=True):
    """An incident is over."""

    settlement: Settled
    audit: Audit | None = None


class NamesChange(Struct, frozen=True, tag="names", omit_defaults=True):
    """Too many domains are called unknown that are not."""

    opened: Opened


class OpenedChange(Struct, frozen=True, tag="opened", omit_defaults=True):
    """The guard has found too many bounces of one series."""

    opened: Opened


class RulesChange(Struct, frozen=True, tag="rules", omit_defaults=True):
    """From here on these rules are in force."""

    rules: Rules
    audit: Audit | None = None
    continues: bool = False
    """Of the first entry of a log: whether the machine that made it brought a store of its own."""
    origin: bytes = b""
    """Of the first entry of a log: the log's hash where it was empty."""


class PurgeChange(Struct, frozen=True, tag="purge", omit_defaults=True):
    """All that is stored about some addresses goes."""

    addresses: tuple[str, ...]
    audit: Audit
    salt: bytes
    """By which their locks are kept, unless the machine has one: all have the same."""


class NoteChange(Struct, frozen=True, tag="note", omit_defaults=True):
    """The record of a change of something else, such as a file."""

    audit: Audit


class GuardChange(Struct, frozen=True, tag="guard", omit_defaults=True):
    """It is time to forget what is no longer watched."""

    time: int


Change = (
    BounceChange
    | ActsChange
    | RulingChange
    | SettlementChange
    | NamesChange
    | OpenedChange
    | RulesChange
    | PurgeChange
    | NoteChange
    | GuardChange
)

_DECODER: Final[msgspec.msgpack.Decoder[Change]] = msgspec.msgpack.Decoder(Change)
_ENCODER: Final = msgspec.msgpack.Encoder()


class UnknownChange(ValueError):
    """The octets are no change that this version knows."""


def encode_change(change: Change) -> bytes:
    """As it lies in the outbox and, sealed, in the log."""
    return packed(_ENCODER.encode(change))


def decode_change(octets: bytes) -> Change:
    """The change that `encode_change` wrote; raises UnknownChange."""
    try:
        return _DECODER.decode(unpacked(octets))
    except Exception as error:  # zstandard and msgspec have no common ancestor
        raise UnknownChange(f"no change that this version knows: {error}") from error


def addresses_of(change: Change) -> Iterator[str]:
    """The addresses that a change concerns by itself, those of an event or act; some twice."""
    if isinstance(change, BounceChange):
        yield from (event.address for event in change.events if event.address)
    elif isinstance(change, ActsChange):
        for act in change.acts:
            yield from act.addresses
    elif isinstance(change, PurgeChange):
        yield from change.addresses


def identities_of(change: Change) -> Iterator[bytes]:
    """The identities of the bounces in a change."""
    if isinstance(change, BounceChange):
        yield from (event.identity for event in change.events)


def entries_for(change: Change, address: str) -> Iterator[Event | Act | Delivered]:
    """What of a change is folded onto an address, in order."""
    if isinstance(change, BounceChange):
        yield from (event for event in change.events if event.address == address)
    elif isinstance(change, ActsChange):
        yield from (act for act in change.acts if address in act.addresses)
