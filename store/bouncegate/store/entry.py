"""A send as the ledger keeps it, and what it takes to write it.

The worker that accepted the message encodes it once; these octets are handed over, and are the
value that is stored. Its key, under which names it is found, and how many recipients it has in
which domain, are made by the writer, which takes many at a time: what costs 5 us there cost a
worker, to which the code has gone cold between two messages, several times that.
"""

import struct
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from enum import IntEnum
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

MOST_PARTS: Final = 255
RECIPIENTS_A_PART: Final = 1000
"""A part of a message with more recipients; 1,000 addresses of 60 octets fit into a datagram."""

KEY: Final = struct.Struct(">I8sB")
"""Time, message and part: the order of keys is that of time, the oldest first."""

DIGEST: Final = 8
"""Octets that stand for a queue id or a Message-ID."""


class QueueState(IntEnum):
    """What Postfix's log tells of a message that was recorded at its end; the greater is surer."""

    UNKNOWN = 0
    """Nothing yet; or the log is not read."""
    REFUSED = 1
    """It never was in the queue: a milter behind ours refused it, or threw it away."""
    TAKEN = 2
    """It was in the queue: a delivery was tried."""
    DELETED = 3
    """An operator deleted it from the queue, postsuper(1)."""


class Seen(NamedTuple):
    """What the log has said of a message so far."""

    queue: QueueState
    expanded: int = 0


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One message that was accepted, or a part of its recipients."""

    time: int
    message: bytes
    """8 octets, drawn by chance; the same stand in the signed return path."""
    sender: str
    """The envelope sender as the client gave it."""
    recipients: tuple[str, ...]
    """Canonical addresses."""
    queue_id: str = ""
    message_id: str = ""
    mailing: str = ""
    group: str = ""
    part: int = 0
    unreported: int = 0
    """Of how many recipients, the last ones, no failure is reported (NOTIFY, RFC 3461, 4.1)."""
    queue: QueueState = QueueState.UNKNOWN
    expanded: int = 0
    """How many recipients Postfix made of its own, by its log (nrcpt of qmgr(8)); 0: unknown."""

    @property
    def reported(self) -> tuple[str, ...]:
        """The recipients of whom a DSN would come if they failed."""
        return self.recipients[: len(self.recipients) - self.unreported]

    @property
    def was_sent(self) -> bool:
        """Whether it is a send at all, as far as is known."""
        return self.queue is not QueueState.REFUSED

    @property
    def leads_to_one(self) -> bool:
        """Whether it has one recipient, of whom Postfix made no more than one."""
        return len(self.recipients) == self.expanded == 1

    def without(self, addresses: AbstractSet[str]) -> "Sent":
        """The same without some of its recipients."""
        kept = [n for n, name in enumerate(self.recipients) if name not in addresses]
        gone = sum(1 for name in self.recipients[len(self.reported) :] if name in addresses)
        left = tuple(self.recipients[n] for n in kept)
        return msgspec.structs.replace(self, recipients=left, unreported=self.unreported - gone)


class Entry(NamedTuple):
    """A send, ready to be put into the ledger's tables."""

    key: bytes
    value: bytes
    """`Sent`, encoded."""
    names: tuple[bytes, ...]
    """Digests of its queue id and Message-ID; none for a part behind the first."""
    domains: dict[str, int]
    """How many of its recipients are in each domain."""
    sent: Sent


encoded: Final = msgspec.msgpack.Encoder().encode
"""The value of the entry of a send."""
decoded: Final = msgspec.msgpack.Decoder(Sent).decode
"""The send that the value of an entry holds; raises msgspec.DecodeError."""


def entry_of(sent: Sent) -> Entry:
    """What there is to be put for a send."""
    return _entry(sent, encoded(sent))


def entry_with(value: bytes) -> Entry:
    """The same for a send that is encoded; raises msgspec.DecodeError."""
    return _entry(decoded(value), value)


def _entry(sent: Sent, value: bytes) -> Entry:
    domains: dict[str, int] = {}
    for address in sent.recipients:
        domain = address.rpartition("@")[2]
        domains[domain] = domains.get(domain, 0) + 1
    key = KEY.pack(sent.time, sent.message, sent.part)
    return Entry(key, value, tuple(name_digests(sent)), domains, sent)


def parts_of(sent: Sent) -> Iterator[Sent]:
    """A send in parts that an entry can hold, each with some of its recipients; mostly itself."""
    recipients, reported = sent.recipients, len(sent.reported)
    if len(recipients) <= RECIPIENTS_A_PART:
        yield sent
        return
    for number in range(0, len(recipients), RECIPIENTS_A_PART):
        some = recipients[number : number + RECIPIENTS_A_PART]
        part = min(number // RECIPIENTS_A_PART, MOST_PARTS)
        unreported = len(some) - len(recipients[number : min(number + len(some), reported)])
        yield msgspec.structs.replace(sent, recipients=some, part=part, unreported=unreported)


def name_digests(sent: Sent) -> Iterator[bytes]:
    """The names under which an entry is found: none of a part behind the first."""
    if sent.part == 0:
        yield from message_digests(sent)


def message_digests(sent: Sent) -> Iterator[bytes]:
    """Those of its message."""
    yield from (digest(name) for name in (sent.queue_id, sent.message_id) if name)


def digest(name: str) -> bytes:
    """8 octets that stand for a queue id or a Message-ID."""
    return blake2b(name.encode("utf-8", "replace"), digest_size=DIGEST).digest()
