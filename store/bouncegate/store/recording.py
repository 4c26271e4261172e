"""Taking in one bounce: once, guarded, counted against whom it blames, and durable as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.policy.alarm import sender_of
from bouncegate.policy.disposition import Disposition, spared_as
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import UNCONFIRMED, Event, State
from bouncegate.policy.unconfirmed import awaits_dns
from bouncegate.store.codec import encode_entry, number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.hourcounts import UNVERIFIED, HourCount, HourCounts
from bouncegate.store.incidents import NOT_WATCHED, Incident, Incidents
from bouncegate.store.layout import ONCE
from bouncegate.store.messages import Messages, message_key
from bouncegate.store.table import Table, Transaction
from bouncegate.store.unproven import MOST_OCTETS_SET_ASIDE, MOST_SET_ASIDE, Unproven

# How many entries of one address there may be for one more that proves nothing to stand under it:
# anyone can name any address. A page of them is more than anybody reads. Where a site counts what
# proves nothing, they lock and free addresses, and more of them may be needed to tell why.
_MOST_UNPROVEN: Final = 100
_MOST_UNPROVEN_THAT_COUNT: Final = 500
# How many events make a transaction full: with some 50 microseconds each, other processes wait a
# few milliseconds for the write lock. A message may name a thousand recipients.
MOST_AT_ONCE: Final = 128
FAILED: Final = "failed"
_IDENTITY_OCTETS: Final = 16
_BLAMES_NOBODY: Final = (
    Disposition.UNVERIFIED,
    Disposition.OWN_REFUSAL,
    Disposition.NO_FAILURE,
)


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


Alert = Incident | HourCount
"""What somebody should know: an incident that opened or closed, or a sender that is blamed for
more bounces an hour than the alarm allows (once, when it goes beyond)."""


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


class Recorded(NamedTuple):
    """What became of one event."""

    event: Event
    number: int
    """The event's number; that of the earlier one where it had been counted before."""
    is_new: bool
    before: State
    after: State
    alerts: Sequence[Alert] = ()


class Recording(Table):
    """Bounces recorded once each."""

    def __init__(
        self,
        environment: Environment,
        history: History,
        incidents: Incidents,
        messages: Messages,
        hourcounts: HourCounts,
    ) -> None:
        super().__init__(environment)
        self._once = self._database(ONCE)
        self._history = history
        self._incidents = incidents
        self._messages = messages
        self._hourcounts = hourcounts
        self.unproven: Final = Unproven(environment, history, messages, hourcounts)
        self.set_aside: Final = Unproven(environment, history, messages, hourcounts, set_aside=True)

    def record(self, transaction: Transaction, bounce: Encoded, policy: Policy) -> list[Recorded]:
        """Record a bounce; one outcome for each of its events."""
        outcomes = [
            self._known_already(transaction, event)
            or self._record(transaction, event, octets, policy)
            for event, octets in bounce.entries
        ]
        fresh = [outcome for outcome in outcomes if outcome.is_new]
        is_kept = bool(bounce.key and fresh)
        octets = self._messages.put(transaction, bounce.key, bounce.raw) if is_kept else 0
        if bounce.is_set_aside:
            self._set_aside(transaction, fresh, octets)
        else:
            self._set_apart(transaction, fresh, octets, policy)
        return outcomes

    def _set_aside(self, transaction: Transaction, fresh: Sequence[Recorded], octets: int) -> None:
        for event, number, *_ in fresh:
            self.set_aside.add(transaction, number, event.time, octets)
            self.set_aside.keep_within(transaction, MOST_SET_ASIDE, MOST_OCTETS_SET_ASIDE)

    def _set_apart(
        self,
        transaction: Transaction,
        fresh: Sequence[Recorded],
        octets: int,
        policy: Policy,
    ) -> None:
        """What counts for no address has its own quota; the message too if it is of nothing else.

        It goes with the last of them.
        """
        apart = [outcome for outcome in fresh if not policy.believes(outcome.event)]
        of_message = octets if len(apart) == len(fresh) else 0
        for position, (event, number, *_) in enumerate(apart, 1):
            own = of_message if position == len(apart) else 0
            self.unproven.add(transaction, number, event.time, own)
        if apart:
            most = policy.retention
            size = most.unproven_size.octets
            self.unproven.keep_within(transaction, most.unproven_reports, size)

    def knows(self, identities: Iterable[bytes]) -> list[bool]:
        """Whether a bounce of each identity has been recorded, counted or not."""
        with self._reading() as transaction:
            return [self.knows_within(transaction, identity) for identity in identities]

    def knows_within(self, transaction: Transaction, identity: bytes) -> bool:
        """Whether a bounce of one identity has been recorded, within a transaction."""
        return transaction.get(identity, db=self._once) is not None

    def _known_already(self, transaction: Transaction, event: Event) -> Recorded | None:
        earlier = transaction.get(event.identity, db=self._once)
        if earlier is None:
            return None
        state = self._history.addresses.get_within(transaction, event.address) or EMPTY
        return Recorded(event, number_of(earlier), is_new=False, before=state, after=state)

    def _record(
        self, transaction: Transaction, event: Event, octets: bytes, policy: Policy
    ) -> Recorded:
        encoded = event
        event = self._under_its_address(transaction, event, policy)
        state = self._history.addresses.get_within(transaction, event.address) or EMPTY
        disposition = policy.disposition(event, state)
        alerts = self._blame(transaction, event, disposition, policy.alarm.sender_blame)
        counts = disposition is Disposition.COUNTS and bool(event.address)
        if counts and awaits_dns(event):
            event = replace(event, held=UNCONFIRMED)
        admission = NOT_WATCHED
        if policy.guard is not None and counts and not event.held:
            guard, fold = policy.guard, policy.fold
            admission = self._incidents.admit(transaction, event, state, guard, fold)
            alerts += admission.changes
        if admission.incident:
            event = replace(event, held=admission.incident)
        if event is not encoded:
            octets = encode_entry(event)
        number = self._history.journal.append_encoded(transaction, octets)
        for watched in admission.watched:
            window = self._history.window
            window.add(transaction, watched, event.time, number, sure=admission.sure)
        transaction.put(event.identity, octets_of(number), db=self._once)
        before, after = self._history.apply(transaction, event.address, number, event, policy.fold)
        return Recorded(event, number, True, before, after, alerts)

    def _under_its_address(self, transaction: Transaction, event: Event, policy: Policy) -> Event:
        """An event that proves nothing gets no address if its address has very many already."""
        if event.trust != "unverified" or not event.address:
            return event
        most = _MOST_UNPROVEN_THAT_COUNT if policy.believes(event) else _MOST_UNPROVEN
        count = self._history.journal.count(transaction, event.address)
        return event if count < most else replace(event, address="")

    def _blame(
        self,
        transaction: Transaction,
        event: Event,
        disposition: Disposition,
        normal: int,
    ) -> list[Alert]:
        """Count what blames the sender or proves nothing; an alert where that is too much."""
        if disposition is Disposition.UNVERIFIED:
            self._hourcounts.add(transaction, UNVERIFIED, event.reason, event.time)
        if disposition in _BLAMES_NOBODY or spared_as(event) is None:
            return []
        tally = self._hourcounts.add(transaction, sender_of(event), event.reason, event.time)
        return [tally] if tally.total == normal + 1 else []


def identity(message: str, recipient: str, outcome: str = FAILED) -> bytes:
    """16 octets that are equal for everything that tells this outcome of a message and recipient.

    A delay and the failure that follows it are two; a failure reported twice is one.
    """
    text = "\0".join((outcome, recipient, message))
    return blake2b(text.encode("utf-8", "replace"), digest_size=_IDENTITY_OCTETS).digest()


def name_of_sent(time: int, message: bytes) -> str:
    """How identities name a message in the ledger."""
    return f"sent {time} {message.hex()}"
