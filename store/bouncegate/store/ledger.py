"""The ledger of sends: what was mailed to whom, the proof that a bounce is about a message of ours.

An LMDB environment of its own, in the folder `ledger` of the store:

    sent    time, message, part (13 octets) -> Sent; in the order of time, the oldest first
    names   8 octets, a digest of a queue id or Message-ID -> the key of its entry
    rates   how many recipients were sent to, by domain and hour (`bouncegate.store.sendrates`)
    refused who was refused, by day (`bouncegate.store.refusals`)
    meta    the mark of the clock (`bouncegate.store.clock`); old ledgers have none before a write

One process writes it (the milter's ledger writer), some milliseconds behind the mail; what
Postfix's log tells of a message is added where that is read (`maintain`). A commit syncs the data
but not the meta page: after a crash of the machine the last commit may be gone, never the ledger.
Without any sync the ledger itself could be lost, and under load the commits are too few to matter:
four a second (`bouncegate.milter.ledgerqueue`). What it has lost, or not yet written, is a message
that we cannot prove to be ours: its bounces are kept and shown, and lock nobody.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Self

import lmdb
import msgspec

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.address import domain_of
from bouncegate.store.clock import ClockRecord
from bouncegate.store.entry import (
    KEY,
    Entry,
    Seen,
    Sent,
    decoded,
    digest,
    encoded,
    name_digests,
)
from bouncegate.store.environment import DATA, Environment, open_files
from bouncegate.store.errors import StoreMissing
from bouncegate.store.fileaccess import inaccessible, is_there
from bouncegate.store.layout import META, explained, hand_to_owner
from bouncegate.store.metapages import map_size_of
from bouncegate.store.openenvironment import OpenEnvironment
from bouncegate.store.refusals import REFUSED, Refusals, Refused
from bouncegate.store.sendrates import HOUR, RATES, SendRates, rate_key
from bouncegate.store.table import Transaction
from bouncegate.store.writerlock import WriterLock

FOLDER: Final = "ledger"
"""Where it lies, in the folder of the store."""

SENT: Final = b"sent"
NAMES: Final = b"names"
_DATABASES: Final = (SENT, NAMES, RATES)
_EVER: Final = 1 << 32
EXPIRE_AT_ONCE: Final = 500
"""How many entries one transaction deletes: some milliseconds."""

# The names of an entry lie on pages of their own; in a map that is nearly full no more of them than
# these may be copied at once.
_MAKE_ROOM_AT_ONCE: Final = 50
# The part of the map that may be in use before the oldest entries go: a transaction copies the
# pages that it changes, and a full map could not even delete.
_FULL: Final = 0.75


class Told(NamedTuple):
    """What the ledger knows of one address."""

    sends: int = 0
    refusals: int = 0


class Ledger(OpenEnvironment):
    """The ledger, for reading or for its one writer."""

    _map_setting = "max_size in [ledger]"

    def __init__(self, environment: Environment, writer_lock: WriterLock | None = None) -> None:
        """Use an environment that is open; `writer_lock` is held until `close`."""
        self.refusals: Final = Refusals(environment)
        databases = (*_DATABASES, REFUSED) if self.refusals.exist else _DATABASES
        super().__init__(environment, databases, writer_lock)
        self._sent = environment.open_db(SENT, create=False)
        self._names = environment.open_db(NAMES, create=False)
        self.rates: Final = SendRates(environment)
        self.clock: Final = ClockRecord(environment)

    @classmethod
    def open(cls, store: StoreSettings, settings: LedgerSettings, *, readonly: bool = True) -> Self:
        """Open the ledger, and make it unless `readonly`; raises StoreError."""
        path = store.path / FOLDER
        writer_lock: WriterLock | None = None
        try:
            with ExitStack() as undo:
                if not readonly:
                    _make_folder(path)
                    writer_lock = undo.enter_context(WriterLock.shared(path))
                ledger = cls(_open(path, settings, readonly=readonly), writer_lock)
                undo.pop_all()
            return ledger
        except lmdb.NotFoundError:
            raise StoreMissing(f"{path}: the ledger is empty") from None
        except lmdb.Error as error:
            raise explained(error, path, cls._map_setting) from error
        except OSError as error:
            raise inaccessible(error, path) from error

    @property
    def environment(self) -> Environment:
        """For whoever examines its tables."""
        return self._environment

    # -- reading: the return path ------------------------------------------------------------

    def by_message(self, time: int, message: bytes) -> Sent | None:
        """The whole entry of a signed message; raises StoreError."""
        with self._reading() as transaction:
            return self._whole(transaction, KEY.pack(time, message, 0))

    def by_name(self, names: Iterable[str]) -> Sent | None:
        """The whole entry of the first queue id or Message-ID that is known; raises StoreError."""
        with self._reading() as transaction:
            for name in names:
                key = transaction.get(digest(name), db=self._names) if name else None
                found = self._whole(transaction, key) if key is not None else None
                if found is not None:
                    return found
        return None

    def sent_to(self, address: str, since: int) -> Iterator[Sent]:
        """The sends to an address since a time, the newest first; raises StoreError.

        Reads all of that time, some millions of entries a second; each comes with the recipients
        of its own part alone.
        """
        first, name = KEY.pack(since, b"", 0), address.encode()
        with self._reading() as transaction, transaction.cursor(self._sent) as cursor:
            more = cursor.last()
            while more and cursor.key() >= first:
                value = cursor.value()
                if name in value and address in (sent := decoded(value)).recipients:
                    yield sent
                more = cursor.prev()

    def walk(self, position: bytes, until: int, most: int) -> list[tuple[bytes, Sent]]:
        """The next entries behind a place (empty: from the first on) that are older than a time.

        Each comes with its own place; an entry is one part of a message's recipients. Raises
        StoreError.
        """
        end = KEY.pack(until, b"", 0)
        found: list[tuple[bytes, Sent]] = []
        with self._reading() as transaction, transaction.cursor(self._sent) as cursor:
            if not cursor.set_range(position + b"\0"):
                return []
            for key, value in cursor.iternext():
                if key >= end or len(found) == most:
                    break
                found.append((key, decoded(value)))
        return found

    def times(self) -> tuple[int, int]:
        """The times of the oldest and the newest send; 0 where there is none. Raises StoreError."""
        with self._reading() as transaction, transaction.cursor(self._sent) as cursor:
            oldest = KEY.unpack(cursor.key())[0] if cursor.first() else 0
            newest = KEY.unpack(cursor.key())[0] if cursor.last() else 0
        return oldest, newest

    def _whole(self, transaction: Transaction, first: bytes) -> Sent | None:
        with transaction.cursor(self._sent) as cursor:
            if not cursor.set_key(first):
                return None
            parts = [decoded(cursor.value())]
            while cursor.next() and cursor.key()[:-1] == first[:-1]:
                parts.append(decoded(cursor.value()))
        if len(parts) == 1:
            return parts[0]
        recipients = tuple(address for part in parts for address in part.recipients)
        unreported = sum(part.unreported for part in parts)
        return msgspec.structs.replace(parts[0], recipients=recipients, unreported=unreported)

    # -- writing: a purge --------------------------------------------------------------------

    def told_of(self, addresses: AbstractSet[str]) -> dict[str, Told]:
        """What is known of each of some addresses, if there is anything; raises StoreError.

        Reads all sends once.
        """
        sends, position = Counter[str](), b""
        while portion := self.walk(position, _EVER - 1, EXPIRE_AT_ONCE):
            position = portion[-1][0]
            sends.update(n for _, sent in portion for n in addresses & set(sent.recipients))
        refused = {a: sum(one.count for one in self.refusals.of_address(a)) for a in addresses}
        told = {address: Told(sends[address], refused[address]) for address in addresses}
        return {address: one for address, one in told.items() if one != Told()}

    def forget_recipients(self, addresses: AbstractSet[str]) -> int:
        """Take addresses out of all sends and refusals; returns of how many sends.

        Raises StoreError.

        A send without recipients left goes. For whoever has opened the ledger to write: beside the
        ledger writer, which LMDB lets wait some milliseconds.
        """
        rest = iter(sorted(addresses))
        while some := list(islice(rest, EXPIRE_AT_ONCE)):
            with self._writing() as transaction:
                for address in some:
                    self.refusals.forget(transaction, address)
        position, forgotten = b"", 0
        while portion := self.walk(position, _EVER - 1, EXPIRE_AT_ONCE):
            position = portion[-1][0]
            found = [one for one in portion if not addresses.isdisjoint(one[1].recipients)]
            if not found:
                continue
            with self._writing() as transaction:
                for key, sent in found:
                    self._forget_recipients(transaction, key, sent, addresses)
            forgotten += len(found)
        return forgotten

    def _forget_recipients(
        self, transaction: Transaction, key: bytes, sent: Sent, addresses: AbstractSet[str]
    ) -> None:
        if transaction.get(key, db=self._sent) is None:  # it has expired meanwhile
            return
        left = sent.without(addresses)
        if left.recipients:
            transaction.put(key, encoded(left), db=self._sent)
        else:
            self._forget_names(transaction, sent, key)
            transaction.delete(key, db=self._sent)

    # -- writing: what Postfix's log tells -----------------------------------------------------

    def note_queue(self, seen: Mapping[tuple[int, bytes], Seen]) -> None:
        """Remember what became of messages, by their times and names; raises StoreError.

        What was refused is no send: it leaves the rates.
        """
        if not seen:
            return
        rates: Counter[bytes] = Counter()
        with self._writing() as transaction, transaction.cursor(self._sent) as cursor:
            for (time, message), (queue, expanded) in sorted(seen.items()):
                first = KEY.pack(time, message, 0)
                more = cursor.set_range(first)
                while more and cursor.key()[:-1] == first[:-1]:
                    sent = decoded(cursor.value())
                    marked = msgspec.structs.replace(sent, queue=queue, expanded=expanded)
                    cursor.put(cursor.key(), encoded(marked))
                    for address in sent.recipients:
                        rate = rate_key(domain_of(address), time // HOUR)
                        rates[rate] += marked.was_sent - sent.was_sent
                    more = cursor.next()
            self.rates.add(transaction, {r: n for r, n in rates.items() if n})

    # -- writing: the ledger writer ----------------------------------------------------------

    def write(self, batch: Sequence[Entry], refused: Sequence[Refused] = ()) -> None:
        """Write entries and refusals, in one transaction.

        Where there is no room the oldest ones go first. Raises StoreError; then none of them is
        written.
        """
        # In the order of their keys, which spares LMDB the way from the root for the next one.
        entries = sorted((entry.key, entry.value) for entry in batch)
        # Of two sends with one name the later one keeps it.
        names = sorted((name, entry.key) for entry in batch for name in entry.names)
        rates: Counter[bytes] = Counter()
        for entry in batch:
            hour = KEY.unpack(entry.key)[0] // HOUR
            for domain, count in entry.domains.items():
                rates[rate_key(domain, hour)] += count
        while self._is_full() and self._expire_some(_EVER, _MAKE_ROOM_AT_ONCE):
            pass
        with self._writing() as transaction:
            if entries:
                is_new = transaction.stat(self._sent)["entries"] == 0
                hour = 0 if is_new else KEY.unpack(entries[-1][0])[0] // HOUR + 1
                self.rates.begin_totals(transaction, hour)
            for database, items in ((self._sent, entries), (self._names, names)):
                with transaction.cursor(database) as cursor:
                    cursor.putmulti(items)
            self.rates.add(transaction, rates)
            if refused:
                self.refusals.add(transaction, refused)

    def expire(self, before: int) -> int:
        """Forget some of the sends and refusals before a time, the oldest first; returns how many.

        Of either, so many take some milliseconds; where there are more, the next call goes on.
        Raises StoreError.
        """
        with self._writing() as transaction:
            refusals = self.refusals.expire(transaction, before, EXPIRE_AT_ONCE)
        return max(self._expire_some(before, EXPIRE_AT_ONCE), refusals)

    def _expire_some(self, before: int, most: int) -> int:
        deleted = 0
        rates: set[bytes] = set()
        with self._writing() as transaction, transaction.cursor(self._sent) as cursor:
            while deleted < most and cursor.first():
                sent = decoded(cursor.value())
                if sent.time >= before:
                    break
                self._forget_names(transaction, sent, cursor.key())
                rates |= {rate_key(domain_of(to), sent.time // HOUR) for to in sent.recipients}
                cursor.delete()
                deleted += 1
            self.rates.drop(transaction, rates)
        return deleted

    def _forget_names(self, transaction: Transaction, sent: Sent, key: bytes) -> None:
        for name in name_digests(sent):
            if transaction.get(name, db=self._names) == key:  # a later send may have its name
                transaction.delete(name, db=self._names)

    def _is_full(self) -> bool:
        """Whether what is in use, free pages apart, fills the map but for a margin."""
        info = self._environment.info()
        page_size, room = self._environment.stat()["psize"], _FULL * info["map_size"]
        if info["last_pgno"] * page_size <= room:  # the file was never so long
            return False
        return (
            sum(map(self._pages, (self._sent, self._names, self.rates.database))) * page_size > room
        )

    def _pages(self, database: lmdb._Database) -> int:
        with self._reading() as transaction:
            stat = transaction.stat(database)
        return stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]


def _open(path: Path, settings: LedgerSettings, *, readonly: bool) -> Environment:
    size, most = settings.max_size.octets, len(_DATABASES) + 2
    if readonly:
        if not is_there(path / DATA):
            raise StoreMissing(f"{path}: no ledger yet: the milter creates it when it starts")
        size = max(size, map_size_of(path / DATA))
    environment = open_files(path, size, most, readonly=readonly, metasync=False)
    if not readonly:
        hand_to_owner(path)
        with environment.begin(write=True) as transaction:
            for name in (*_DATABASES, REFUSED, META):
                environment.open_db(name, txn=transaction)
    return environment


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o750, exist_ok=True)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
