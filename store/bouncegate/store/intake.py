"""Taking in bounces: what one is, apart from what it does (`bouncegate.store.recording`).

A bounce is weighed once, by the machine that takes it in: under which address it stands, what is on
record of the sends to that address, and its message, which is kept there. Nothing else about it
depends on the machine. What it then does follows from this and from what came before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.config.taxonomy import Kind
from bouncegate.policy.fold import Policy
from bouncegate.policy.known import NO_RECORD, Mailed
from bouncegate.policy.records import Event
from bouncegate.store.codec import encode_entry
from bouncegate.store.history import History
from bouncegate.store.lastmailed import LastMailed
from bouncegate.store.messages import Messages, message_key
from bouncegate.store.table import Transaction

# How many entries of one address there may be for one more that proves nothing to stand under it:
# anyone can name any address. A page of them is more than anybody reads. Where a site counts what
# proves nothing, they lock and free addresses, and more of them may be needed to tell why.
_MOST_UNPROVEN: Final = 100
_MOST_UNPROVEN_THAT_COUNT: Final = 500
# How many events make a transaction full: with some 50 microseconds each, other processes wait a
# few milliseconds for the write lock. A message may name a thousand recipients.
MOST_AT_ONCE: Final = 128


class Bounce(NamedTuple):
    """One DSN on its way into the store: its events, and the message unless it is not kept."""

    events: Sequence[Event]
    raw: bytes
    domains: Sequence[str] = ()
    """Those of which DNS is to be asked."""
    is_set_aside: bool = False
    """Whether a fault of ours came up in the place of what the message says."""

    def portions(self) -> Iterator[Bounce]:
        """The same for several transactions; nearly always it is one portion."""
        for start in range(0, len(self.events), MOST_AT_ONCE):
            some = self.events[start : start + MOST_AT_ONCE]
            yield self._replace(events=some, domains=() if start else self.domains)


class Encoded(NamedTuple):
    """A bounce as the journal will hold it."""

    entries: Sequence[tuple[Event, bytes]]
    """Each event, and its octets."""
    key: bytes
    """Of the message; empty where it is not kept."""
    raw: bytes
    is_set_aside: bool

    @classmethod
    def of(cls, bounce: Bounce) -> Encoded:
        """Encode a bounce; raises ValueError or OverflowError for what no record can hold.

        Call it before the transaction begins: then a bounce that cannot be encoded affects no
        other, and encoding does not hold the write lock.
        """
        key = message_key(bounce.raw, bounce.events[0].time) if bounce.raw else b""
        events = [replace(event, raw=key) for event in bounce.events]
        entries = [(event, encode_entry(event)) for event in events]
        return cls(entries, key, bounce.raw, bounce.is_set_aside)


class Weighed(NamedTuple):
    """All that a machine knows of an event which it takes in."""

    event: Event
    octets: bytes
    """The same, encoded."""
    mailed: Mailed
    """What is on record of the sends to its address, as far as the guard asks for it."""


class Intake:
    """Weighs events, and keeps their messages."""

    def __init__(self, history: History, messages: Messages, lastmailed: LastMailed) -> None:
        self._history = history
        self._messages = messages
        self._lastmailed = lastmailed

    def weigh(
        self, transaction: Transaction, event: Event, octets: bytes, policy: Policy
    ) -> Weighed:
        """What is known of an event here and now; `octets` is the event as it is encoded."""
        if self._has_too_many(transaction, event, policy):
            event = replace(event, address="")
            octets = encode_entry(event)
        is_guarded = policy.guard is not None and event.kind is Kind.HARD and event.address
        mailed = self._lastmailed.mailed(transaction, event.address) if is_guarded else NO_RECORD
        return Weighed(event, octets, mailed)

    def keep(self, transaction: Transaction, bounce: Encoded) -> int:
        """Keep the message of a bounce; returns how many octets it takes, none if it is known."""
        return self._messages.put(transaction, bounce.key, bounce.raw) if bounce.key else 0

    def _has_too_many(self, transaction: Transaction, event: Event, policy: Policy) -> bool:
        """Whether an event proves nothing, and its address has very many entries already."""
        if event.trust != "unverified" or not event.address:
            return False
        most = _MOST_UNPROVEN_THAT_COUNT if policy.believes(event) else _MOST_UNPROVEN
        return self._history.journal.count(transaction, event.address) >= most
