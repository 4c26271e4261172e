"""What Postfix's log says, recorded together with the position up to which it was read.

    deferred  address, NUL, time and message of the send (12 octets) -> Deferral
    accepted  time of the acceptance and message (12 octets), address -> time of the send (4
              octets), identity of a bounce of it (16), digests of the message's names (8 each)

A batch of log lines changes all of this, the journal and the position in one transaction, so a
reader that is killed loses and repeats nothing.

That a message is put off is known here alone: where servers greylist that is a matter of streak,
and the journal, which is kept for years, must not grow with it. It has one entry for a message and
recipient that waits for hours, as if a DSN had reported the delay.

What the next server accepted it may still bounce, hours later. So an address with failures in a row
has got its message only when no bounce of it came within a time that the caller names.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from itertools import groupby, islice, takewhile
from typing import Final, NamedTuple

import lmdb
import msgspec
from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY, Fold, Policy
from bouncegate.policy.records import MOST_ADDRESSES, Delivered, Event
from bouncegate.policy.streak import ends_a_row
from bouncegate.store.changes import Changes
from bouncegate.store.codec import encode
from bouncegate.store.effects import Effects, Recorded
from bouncegate.store.entry import DIGEST
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreError
from bouncegate.store.history import History
from bouncegate.store.intake import Bounce, Encoded
from bouncegate.store.layout import ACCEPTED, DEFERRED
from bouncegate.store.membership import Memberships
from bouncegate.store.meta import Progress
from bouncegate.store.table import Table, Transaction
from bouncegate.store.unproven import Unattributed, Unproven

_SOURCE: Final = "log"
_SEND: Final = struct.Struct(">I8s")
_PENDING: Final = struct.Struct(">I16s")
# How many records one transaction goes through: some milliseconds.
_AT_ONCE: Final = 1000


class PositionConflict(StoreError):
    """Another process has taken in the same portion of the log meanwhile."""


class Unrecordable(ValueError):
    """A step that cannot be taken in; its cause says why. Nothing of its portion was taken in."""

    def __init__(self, step: Step) -> None:
        """`step` is at fault, and not the store."""
        super().__init__(f"cannot be recorded: {step}")
        self.step = step


class Delivery(NamedTuple):
    """One recipient of one message of ours."""

    address: str
    time: int
    """When the message was sent, as the ledger knows it."""
    message: bytes
    """8 octets, as in the ledger."""


class Deferral(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that could not be delivered yet."""

    queue_id: str
    attempts: int
    first: int
    last: int
    status: str
    text: str
    """What was said at the last attempt."""
    sent: int = 0


class Deferred(NamedTuple):
    """An attempt to deliver failed, and there will be another."""

    mailed: Delivery
    attempt: Deferral
    event: Event | None
    """The delay as an event, if it is worth an entry of the journal; once per message."""


class Accepted(NamedTuple):
    """The server of the recipient took the message."""

    mailed: Delivery
    time: int
    identity: bytes
    """16 octets, of a bounce that may follow."""
    names: tuple[bytes, ...] = ()
    """Digests of the names of the message, as in the ledger."""


class Bounced(NamedTuple):
    """The message was given up."""

    mailed: Delivery
    events: Sequence[Event]
    """That of the recipient; where an alias was mailed, also the alias's."""


class Expired(NamedTuple):
    """The message was in the queue for too long: those for whom it was put off never got it."""

    recipients: Sequence[Delivery]
    event_of: Callable[[Delivery, Deferral], Event]


class Dropped(NamedTuple):
    """The message waits no longer for these, and nothing follows from that."""

    recipients: Sequence[Delivery]


Step = Deferred | Accepted | Bounced | Expired | Dropped


class Batch(NamedTuple):
    """What was read of the log in one go."""

    before: bytes
    """The position from which it was read; empty for none."""
    after: bytes
    steps: Sequence[Step]


class DeliveryLog(Table):
    """Both databases; each method is a transaction of its own, and raises StoreError."""

    def __init__(
        self,
        environment: Environment,
        history: History,
        changes: Changes,
        effects: Effects,
        unproven: Unproven,
    ) -> None:
        super().__init__(environment)
        self._history = history
        self._changes = changes
        self._effects = effects
        self._unproven = unproven
        self._deferred = self._database(DEFERRED)
        self._accepted = self._database(ACCEPTED)
        self._progress = Progress(environment)
        self._memberships = Memberships(environment)

    # -- what is known -----------------------------------------------------------------------

    def position(self) -> bytes:
        """Up to where the log has been taken in; empty for not at all."""
        with self._reading() as transaction:
            return self._progress.get_within(transaction, _SOURCE)

    def deferrals(self, address: str, most: int = 100) -> list[Deferral]:
        """The messages that are being put off for an address, the oldest first."""
        prefix = address.encode() + b"\0"
        found: list[Deferral] = []
        with self._reading() as transaction, transaction.cursor(self._deferred) as cursor:
            entries = islice(cursor.iternext(), most) if cursor.set_range(prefix) else ()
            for key, value in entries:
                if not key.startswith(prefix):
                    break
                sent = _SEND.unpack(key[-_SEND.size :])[0]
                found.append(replace(_DEFERRALS.decode(value), sent=sent))
        return found

    def is_deferred(self, mailed: Delivery) -> bool:
        """Whether a message still waits for a recipient."""
        with self._reading() as transaction:
            return transaction.get(_key_of_deferral(mailed), db=self._deferred) is not None

    # -- what the log tells ------------------------------------------------------------------

    def record(self, batch: Batch, policy: Policy) -> list[Recorded]:
        """Take in a portion of the log and the position behind it; durable when this returns.

        Returns what became of its bounces. Raises PositionConflict, or Unrecordable for a step that
        no store could take in; then nothing of it was taken in.
        """
        # Before the transaction: nothing of this is done under the write lock.
        encoded = [(step, _encoded(step)) for step in batch.steps]
        with self._writing() as transaction:
            if self._progress.get_within(transaction, _SOURCE) != batch.before:
                raise PositionConflict("another process has read the same part of the log")
            outcomes: list[Recorded] = []
            for step, bounce in encoded:
                with _blaming(step):
                    outcomes += self._take(transaction, step, bounce, policy)
            self._progress.put(transaction, _SOURCE, batch.after)
        return outcomes

    def _take(
        self,
        transaction: Transaction,
        step: Step,
        bounce: Encoded | None,
        policy: Policy,
    ) -> list[Recorded]:
        bounces = [bounce] if bounce else []
        match step:
            case Deferred(mailed, attempt):
                self._defer(transaction, mailed, attempt)
            case Accepted(mailed):
                self._forget(transaction, mailed)
                self._accept(transaction, step)
            case Bounced(mailed):
                self._forget(transaction, mailed)
            case Expired(recipients, event_of):
                gone = [(m, self._forget(transaction, m)) for m in recipients]
                # What has failed is known only now, by what was said last.
                events = [event_of(m, deferral) for m, deferral in gone if deferral]
                bounces = [Encoded.of(Bounce([event], b"")) for event in events]
            case Dropped(recipients):
                for mailed in recipients:
                    self._forget(transaction, mailed)
        return [r for b in bounces for r in self._changes.record(transaction, b, policy)]

    def _defer(self, transaction: Transaction, mailed: Delivery, attempt: Deferral) -> None:
        key = _key_of_deferral(mailed)
        octets = transaction.get(key, db=self._deferred)
        if octets is not None:
            known = _DEFERRALS.decode(octets)
            attempts = known.attempts + attempt.attempts
            attempt = replace(attempt, attempts=attempts, first=known.first)
        transaction.put(key, encode(attempt), db=self._deferred)

    def _forget(self, transaction: Transaction, mailed: Delivery) -> Deferral | None:
        octets = transaction.pop(_key_of_deferral(mailed), db=self._deferred)
        return None if octets is None else _DEFERRALS.decode(octets)

    def _accept(self, transaction: Transaction, accepted: Accepted) -> None:
        mailed = accepted.mailed
        if self._ends_a_row(transaction, mailed.address, mailed.time):
            key = _SEND.pack(accepted.time, mailed.message) + mailed.address.encode()
            value = _PENDING.pack(mailed.time, accepted.identity) + b"".join(accepted.names)
            transaction.put(key, value, db=self._accepted)

    def _ends_a_row(self, transaction: Transaction, address: str, sent: int) -> bool:
        state = self._history.addresses.get_within(transaction, address) or EMPTY
        return any(ends_a_row(streak, sent) for streak in (state, *state.groups.values()))

    # -- what is purged ----------------------------------------------------------------------

    def keys_of(
        self, transaction: Transaction, addresses: AbstractSet[str]
    ) -> dict[str, list[bytes]]:
        """The keys of what is known of messages to each of some addresses, if there is anything.

        Reads all that waits, once.
        """
        names = {address.encode(): address for address in addresses}
        found: defaultdict[str, list[bytes]] = defaultdict(list)
        with transaction.cursor(self._deferred) as cursor:
            for name in sorted(names):
                if cursor.set_range(name + b"\0"):
                    keys = cursor.iternext(values=False)
                    own = list(takewhile(lambda key: key.startswith(name + b"\0"), keys))  # noqa: B023
                    if own:
                        found[names[name]] += own
        with transaction.cursor(self._accepted) as cursor:
            for key in cursor.iternext(values=False) if cursor.first() else ():
                if (address := names.get(key[_SEND.size :])) is not None:
                    found[address].append(key)
        return found

    def drop(self, transaction: Transaction, key: bytes) -> None:
        """Forget what is known under a key that `keys_of` returned."""
        transaction.delete(key, db=self._deferred)
        transaction.delete(key, db=self._accepted)

    # -- what time tells ---------------------------------------------------------------------

    def settle(self, before: int, now: int, fold: Fold) -> int:
        """Count as delivered what was accepted before a time, and has not bounced since.

        Of what other machines have heard of late, nothing may be known here: it settles the less.
        Returns how many addresses that were.
        """
        before -= self._memberships.lag(now)
        with self._reading() as transaction:
            more = bool(self._due(transaction, before))
        unattributed = self._unproven.unattributed() if more else Unattributed()
        total = 0
        while more:
            with self._writing() as transaction:
                due = self._due(transaction, before)
                settled = (self._settled(transaction, *d, unattributed) for d in due)
                arrived = sorted(filter(None, settled))
                for sent, some in groupby(arrived, lambda one: one[0]):
                    addresses = tuple(dict.fromkeys(address for _, address in some))
                    arrival = Delivered(addresses, now, sent, "log")
                    self._changes.act(transaction, [arrival], fold)
                total += len(arrived)
                more = len(due) == _AT_ONCE
        return total

    def _due(self, transaction: Transaction, before: int) -> list[tuple[bytes, bytes]]:
        with transaction.cursor(self._accepted) as cursor:
            entries = islice(cursor.iternext(), _AT_ONCE) if cursor.first() else ()
            return [(key, value) for key, value in entries if _SEND.unpack_from(key)[0] < before]

    def _settled(
        self,
        transaction: Transaction,
        key: bytes,
        value: bytes,
        unattributed: Unattributed,
    ) -> tuple[int, str] | None:
        """When what had arrived was sent, and at which address; None where it had bounced."""
        transaction.delete(key, db=self._accepted)
        sent, identity = _PENDING.unpack_from(value)
        ends = range(_PENDING.size, len(value), DIGEST)
        names = [value[end : end + DIGEST] for end in ends]
        address = key[_SEND.size :].decode()
        if self._effects.knows_within(transaction, identity) or unattributed.may_concern(
            sent, names
        ):
            return None
        return (sent, address) if self._ends_a_row(transaction, address, sent) else None

    def forget(self, before: int) -> int:
        """Forget the messages that were last put off before a time: they left the queue unseen.

        Reads all of them. Returns how many that were.
        """
        with self._reading() as transaction, transaction.cursor(self._deferred) as cursor:
            old = [k for k, v in cursor.iternext() if _DEFERRALS.decode(v).last < before]
        for start in range(0, len(old), _AT_ONCE):
            with self._writing() as transaction:
                for key in old[start : start + _AT_ONCE]:
                    transaction.delete(key, db=self._deferred)
        return len(old)


assert _AT_ONCE <= MOST_ADDRESSES  # an entry names no more than that


def _encoded(step: Step) -> Encoded | None:
    """The events of a step, as the journal will hold them; raises Unrecordable."""
    events = step.events if isinstance(step, Bounced) else ()
    if isinstance(step, Deferred) and step.event is not None:
        events = (step.event,)
    if not events:
        return None
    with _blaming(step):
        return Encoded.of(Bounce(events, b""))


@contextmanager
def _blaming(step: Step) -> Iterator[None]:
    """Raise Unrecordable for what a step is to blame for, and not the store or the machine."""
    try:
        yield
    except lmdb.BadValsizeError as error:  # a key that LMDB cannot take
        raise Unrecordable(step) from error
    except (lmdb.Error, StoreError, OSError, MemoryError):
        raise
    except Exception as error:
        raise Unrecordable(step) from error


_DEFERRALS: Final = msgspec.msgpack.Decoder(Deferral)


def _key_of_deferral(mailed: Delivery) -> bytes:
    return mailed.address.encode() + b"\0" + _SEND.pack(mailed.time, mailed.message)
