"""Refused recipients, in the ledger: who was refused, in which mailing and group, on which day.

    refused  day, 4 octets; digest of the address, 8; digest of mailing, group and sender, 8
             -> Refusal

One record counts all refusals of an address in one mailing on one day, so that a client that tries
again for hours adds nothing. There are at most `MOST_RECORDS`, in at most an eighth of the map;
beyond that the oldest go first, and how many refusals they were is counted. The digest of the
address stands behind the day: what is known of one address takes a look-up for each day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

import lmdb
import msgspec

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.alarm import sender_named
from bouncegate.store.entry import Sent
from bouncegate.store.environment import Environment
from bouncegate.store.layout import META
from bouncegate.store.table import Table, Transaction

REFUSED: Final = b"refused"
MOST_RECORDS: Final = 1_000_000
"""Some 200 MB."""
_DAY: Final = 86_400
_DAY_OCTETS: Final = 4
_DIGEST: Final = 8
_DROPPED: Final = b"refusals-dropped"
_PART_OF_MAP: Final = 1 / 8
# What a transaction deletes at most to make room: some milliseconds.
_AT_ONCE: Final = 500
_PORTION: Final = 2000


class RefusedRecipient(msgspec.Struct, frozen=True, array_like=True):
    """One recipient that the send path refused."""

    address: str
    """Canonical."""
    reason: str
    """That of the lock."""
    ref: int
    """`Lock.cause`: the number of the journal entry that made the lock, or that of a rule."""


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """The refused recipients of one message, as a worker hands them over."""

    time: int
    sender: str
    recipients: tuple[RefusedRecipient, ...]
    mailing: str = ""
    group: str = ""
    header_seen: bool = False
    """Whether the message came to its end, so that its header was seen."""


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """The refusals of an address in one mailing and group on one day."""

    address: str
    mailing: str
    group: str
    sender: str
    """The envelope sender of the last one."""
    reason: str
    """That of the lock which refused the last one."""
    ref: int
    count: int
    first: int
    last: int

    @property
    def prevented(self) -> Sent:
        """The send that did not take place."""
        return Sent(
            self.last,
            b"",
            self.sender,
            (self.address,),
            mailing=self.mailing,
            group=self.group,
        )

    @property
    def known_reason(self) -> Reason:
        """The reason; undefined where another version wrote one that this one does not know."""
        known = self.reason in Reason.__members__.values()
        return Reason(self.reason) if known else Reason.UNDEFINED


class Dropped(NamedTuple):
    """What the bound has cost."""

    refusals: int = 0
    until: int = 0
    """The end of the last day of which some are missing; 0: none."""


decoded: Final = msgspec.msgpack.Decoder(Refusal).decode
_encoded: Final = msgspec.msgpack.Encoder().encode


class Refusals(Table):
    """The records; a ledger of an earlier version has none before it is written."""

    _map_setting = "max_size in [ledger]"

    def __init__(self, environment: Environment, most: int = MOST_RECORDS) -> None:
        """Keep at most so many records."""
        super().__init__(environment)
        self._most = most
        self._refused = _database(environment, REFUSED)
        self._meta = _database(environment, META)

    @property
    def exist(self) -> bool:
        """Whether the ledger has the table."""
        return self._refused is not None

    # -- reading -----------------------------------------------------------------------------

    def between(self, since: int, until: int) -> Iterator[Refusal]:
        """Those with a refusal at or after a time and before another (0: now); by day.

        Raises StoreError.
        """
        position = _day_key(since)
        while portion := self._portion(position):
            for key, value in portion:
                refusal = decoded(value)
                if until and refusal.first >= until:
                    if key >= _day_key(until + _DAY):
                        return
                elif refusal.last >= since:
                    yield refusal
            position = portion[-1][0] + b"\0"

    def of_address(self, address: str) -> list[Refusal]:
        """Those of an address, the oldest first; raises StoreError."""
        with self._reading() as transaction:
            return [decoded(value) for _, value in self._of_address(transaction, address)]

    def dropped(self) -> Dropped:
        """How many refusals were deleted before their time; raises StoreError."""
        if self._refused is None:
            return Dropped()
        with self._reading() as transaction:
            return self._dropped(transaction)

    def _portion(self, position: bytes) -> list[tuple[bytes, bytes]]:
        if self._refused is None:
            return []
        found: list[tuple[bytes, bytes]] = []
        with self._reading() as transaction, transaction.cursor(self._refused) as cursor:
            more = cursor.set_range(position)
            while more and len(found) < _PORTION:
                found.append(cursor.item())
                more = cursor.next()
        return found

    def _of_address(self, transaction: Transaction, address: str) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        if self._refused is None:
            return found
        own = _digest(address)
        with transaction.cursor(self._refused) as cursor:
            more = cursor.first()
            while more:
                day = cursor.key()[:_DAY_OCTETS]
                more = cursor.set_range(day + own)
                while more and cursor.key().startswith(day + own):
                    if decoded(cursor.value()).address == address:
                        found.append(cursor.item())
                    more = cursor.next()
                if more and cursor.key().startswith(day):
                    more = cursor.set_range(_next_day(day))
        return found

    def _dropped(self, transaction: Transaction) -> Dropped:
        value = None if self._meta is None else transaction.get(_DROPPED, db=self._meta)
        return Dropped() if value is None else msgspec.msgpack.decode(value, type=Dropped)

    # -- writing, in a transaction of the ledger -----------------------------------------------

    def add(self, transaction: Transaction, batch: Iterable[Refused]) -> None:
        """Count refusals, and make room for them."""
        assert self._refused is not None, "a writer creates the table"
        for refused in batch:
            for one in refused.recipients:
                key = record_key(refused, one.address)
                value = transaction.get(key, db=self._refused)
                new = _counted(refused, one, None if value is None else decoded(value))
                transaction.put(key, _encoded(new), db=self._refused)
        self._make_room(transaction)

    def _make_room(self, transaction: Transaction) -> None:
        assert self._refused is not None
        stat = transaction.stat(self._refused)
        pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        room = self._environment.info()["map_size"] * _PART_OF_MAP
        excess = stat["entries"] - self._most
        if pages * stat["psize"] > room:
            excess = _AT_ONCE
        if excess <= 0:
            return
        lost, until = self._dropped(transaction)
        with transaction.cursor(self._refused) as cursor:
            for _ in range(excess):
                if not cursor.first():
                    break
                refusal = decoded(cursor.value())
                lost += refusal.count
                until = max(until, (refusal.first // _DAY + 1) * _DAY)
                cursor.delete()
        transaction.put(_DROPPED, _encoded(Dropped(lost, until)), db=self._meta)

    def expire(self, transaction: Transaction, before: int, most: int) -> int:
        """Delete some of the days that were over before a time; returns how many records."""
        assert self._refused is not None
        end, gone = _day_key(before), 0
        with transaction.cursor(self._refused) as cursor:
            while gone < most and cursor.first() and cursor.key() < end:
                cursor.delete()
                gone += 1
        return gone

    def forget(self, transaction: Transaction, address: str) -> int:
        """Delete those of an address; returns of how many refusals they told."""
        found = self._of_address(transaction, address)
        for key, _ in found:
            transaction.delete(key, db=self._refused)
        return sum(decoded(value).count for _, value in found)


def _database(environment: Environment, name: bytes) -> lmdb._Database | None:
    try:
        return environment.open_db(name, create=False)
    except lmdb.NotFoundError:
        return None


def record_key(refused: Refused | Refusal, address: str) -> bytes:
    """The key of a record."""
    time = refused.time if isinstance(refused, Refused) else refused.first
    sender = sender_named(refused.sender, "")
    rest = _digest("\0".join((refused.mailing, refused.group, sender)))
    return _day_key(time) + _digest(address) + rest


def _counted(refused: Refused, one: RefusedRecipient, known: Refusal | None) -> Refusal:
    time = refused.time
    count, first, last = (known.count, known.first, known.last) if known else (0, time, time)
    return Refusal(
        one.address,
        refused.mailing,
        refused.group,
        refused.sender,
        one.reason,
        one.ref,
        count + 1,
        min(first, time),
        max(last, time),
    )


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=_DIGEST).digest()


def _day_key(time: int) -> bytes:
    return min(max(time, 0) // _DAY, 2**32 - 1).to_bytes(_DAY_OCTETS, "big")


def _next_day(day: bytes) -> bytes:
    return (int.from_bytes(day, "big") + 1).to_bytes(_DAY_OCTETS, "big")
