"""The ledger of sends: what was mailed to whom, the proof that a bounce is about a message of ours.

An LMDB environment of its own, in the folder `ledger` of the store:

    sent    time, message, part (13 octets) -> Sent; in the order of time, the oldest first
    names   8 octets, a digest of a queue id or Message-ID -> the key of its entry
    rates   domain, NUL, hour (4 octets) -> how many recipients were sent to, 4 octets
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
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

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
from bouncegate.store.environment import DATA, Environment, opened
from bouncegate.store.errors import StoreError, StoreFull, StoreMissing
from bouncegate.store.layout import META, copy_compacted, explained, hand_to_owner
from bouncegate.store.metapages import map_size_of
from bouncegate.store.space import Space, space_of
from bouncegate.store.writerlock import WriterLock

FOLDER: Final = "ledger"
"""Where it lies, in the folder of the store."""

SENT: Final = b"sent"
NAMES: Final = b"names"
RATES: Final = b"rates"
_DATABASES: Final = (SENT, NAMES, RATES)
_COUNT: Final = struct.Struct(">I")
_NONE: Final = _COUNT.pack(0)
_HOUR: Final = 3600
_EVER: Final = 1 << 32
EXPIRE_AT_ONCE: Final = 500
"""How many entries one transaction deletes: some milliseconds."""

# The names of an entry lie on pages of their own; in a map that is nearly full no more of them than
# these may be copied at once.
_MAKE_ROOM_AT_ONCE: Final = 50
# The part of the map that may be in use before the oldest entries go: a transaction copies the
# pages that it changes, and a full map could not even delete.
_FULL: Final = 0.75


class Ledger:
    """The ledger, for reading or for its one writer."""

    def __init__(self, environment: Environment, path: Path) -> None:
        """Use an environment that is open; its databases exist."""
        self._environment = environment
        self._path = path
        self._right: WriterLock | None = None
        self._sent = environment.open_db(SENT, create=False)
        self._names = environment.open_db(NAMES, create=False)
        self._rates = environment.open_db(RATES, create=False)
        self.clock: Final = ClockRecord(environment)

    @classmethod
    def open(cls, store: StoreSettings, settings: LedgerSettings, *, readonly: bool = True) -> Self:
        """Open the ledger, and make it unless `readonly`; raises StoreError."""
        path = store.path / FOLDER
        right: WriterLock | None = None
        try:
            if not readonly:
                _make_folder(path)
                right = WriterLock.shared(path)
            elif not (path / DATA).exists():
                raise StoreMissing(f"{path}: no ledger yet: the milter makes it when it starts")
            size = settings.max_size.octets
            if readonly:
                size = max(size, map_size_of(path / DATA))
            most = len(_DATABASES) + 1
            environment = opened(path, size, most, readonly=readonly, metasync=False)
            if not readonly:
                hand_to_owner(path)
                with environment.begin(write=True) as transaction:
                    for name in (*_DATABASES, META):
                        environment.open_db(name, txn=transaction)
            ledger = cls(environment, path)
            ledger._right, right = right, None
            return ledger
        except lmdb.NotFoundError:
            raise StoreMissing(f"{path}: the ledger is empty still") from None
        except lmdb.Error as error:
            raise _explained(error, path) from error
        except OSError as error:
            raise StoreError(f"{error.filename or path}: {error.strerror}") from error
        finally:
            if right is not None:
                right.give_up()

    def close(self) -> None:
        """Give the map back, and the right to write."""
        self._environment.close()
        if self._right is not None:
            self._right.give_up()

    def replaced(self) -> str:
        """What has become of the files that are open; empty as long as they are the ledger's."""
        return self._environment.replaced()

    @property
    def environment(self) -> Environment:
        """For whoever examines its tables."""
        return self._environment

    # -- reading: the return path ------------------------------------------------------------

    def by_message(self, time: int, message: bytes) -> Sent | None:
        """The whole entry of a signed message; raises StoreError."""
        try:
            with self._environment.begin() as transaction:
                return self._whole(transaction, KEY.pack(time, message, 0))
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def by_name(self, names: Iterable[str]) -> Sent | None:
        """The whole entry of the first queue id or Message-ID that is known; raises StoreError."""
        try:
            with self._environment.begin() as transaction:
                for name in names:
                    key = transaction.get(digest(name), db=self._names) if name else None
                    found = self._whole(transaction, key) if key is not None else None
                    if found is not None:
                        return found
        except lmdb.Error as error:
            raise _explained(error, self._path) from error
        return None

    def sends(self, domains: Iterable[str], since: int, until: int) -> int:
        """How many recipients in these domains were sent to, by whole hours; raises StoreError."""
        hours = range(since // _HOUR, until // _HOUR + 1)
        try:
            with self._environment.begin(db=self._rates) as transaction:
                keys = (rate_key(domain, hour) for domain in domains for hour in hours)
                return sum(_COUNT.unpack(transaction.get(key, _NONE))[0] for key in keys)
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def sent_to(self, address: str, since: int) -> Iterator[Sent]:
        """The sends to an address since a time, the newest first; raises StoreError.

        Reads all of that time, some millions of entries a second; each comes with the recipients
        of its own part alone.
        """
        first, name = KEY.pack(since, b"", 0), address.encode()
        try:
            with self._environment.begin() as transaction, transaction.cursor(self._sent) as cursor:
                more = cursor.last()
                while more and cursor.key() >= first:
                    value = cursor.value()
                    if name in value and address in (sent := decoded(value)).recipients:
                        yield sent
                    more = cursor.prev()
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def walk(self, place: bytes, until: int, most: int) -> list[tuple[bytes, Sent]]:
        """The next entries behind a place (empty: from the first on) that are older than a time.

        Each comes with its own place; an entry is one part of a message's recipients. Raises
        StoreError.
        """
        end = KEY.pack(until, b"", 0)
        found: list[tuple[bytes, Sent]] = []
        try:
            with self._environment.begin() as transaction, transaction.cursor(self._sent) as cursor:
                if not cursor.set_range(place + b"\0"):
                    return []
                for key, value in cursor.iternext():
                    if key >= end or len(found) == most:
                        break
                    found.append((key, decoded(value)))
        except lmdb.Error as error:
            raise explained(error, self._path) from error
        return found

    def space(self) -> Space:
        """How much space the ledger takes; raises StoreError."""
        try:
            with self._environment.begin() as transaction:
                return space_of(self._environment, transaction, self._path, _DATABASES)
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def check_readers(self) -> int:
        """Free the slots of readers that died; tells how many. Raises StoreError."""
        try:
            return self._environment.reader_check()
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def copy(self, target: Path) -> None:
        """The same as that of the store: `Store.copy`."""
        copy_compacted(self._environment, target, self._path)

    def times(self) -> tuple[int, int]:
        """The times of the oldest and the newest send; 0 where there is none. Raises StoreError."""
        try:
            with self._environment.begin() as transaction, transaction.cursor(self._sent) as cursor:
                oldest = KEY.unpack(cursor.key())[0] if cursor.first() else 0
                newest = KEY.unpack(cursor.key())[0] if cursor.last() else 0
        except lmdb.Error as error:
            raise _explained(error, self._path) from error
        return oldest, newest

    def _whole(self, transaction: lmdb.Transaction[bytes], first: bytes) -> Sent | None:
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

    def forget_recipient(self, address: str) -> int:
        """Take an address out of all sends; tells of how many. Raises StoreError.

        A send without recipients left goes. For whoever has opened the ledger to write: beside the
        ledger writer, which LMDB lets wait some milliseconds.
        """
        place, forgotten = b"", 0
        while portion := self.walk(place, _EVER - 1, EXPIRE_AT_ONCE):
            place = portion[-1][0]
            found = [(key, sent) for key, sent in portion if address in sent.recipients]
            if not found:
                continue
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, sent in found:
                        self._forget_recipient(transaction, key, sent, address)
            except lmdb.Error as error:
                raise _explained(error, self._path) from error
            forgotten += len(found)
        return forgotten

    def _forget_recipient(
        self, transaction: lmdb.Transaction[bytes], key: bytes, sent: Sent, address: str
    ) -> None:
        if transaction.get(key, db=self._sent) is None:  # it has expired meanwhile
            return
        left = sent.without(address)
        if left.recipients:
            transaction.put(key, encoded(left), db=self._sent)
        else:
            self._forget_names(transaction, sent, key)
            transaction.delete(key, db=self._sent)

    # -- writing: what Postfix's log tells -----------------------------------------------------

    def mark(self, seen: Mapping[tuple[int, bytes], Seen]) -> None:
        """Remember what became of messages, by their times and names; raises StoreError.

        What was refused is no send: it leaves the rates.
        """
        if not seen:
            return
        rates: Counter[bytes] = Counter()
        begin = self._environment.begin
        try:
            with begin(write=True) as transaction, transaction.cursor(self._sent) as cursor:
                for (time, message), (queue, expanded) in sorted(seen.items()):
                    first = KEY.pack(time, message, 0)
                    more = cursor.set_range(first)
                    while more and cursor.key()[:-1] == first[:-1]:
                        sent = decoded(cursor.value())
                        marked = msgspec.structs.replace(sent, queue=queue, expanded=expanded)
                        cursor.put(cursor.key(), encoded(marked))
                        for address in sent.recipients:
                            rate = rate_key(domain_of(address), time // _HOUR)
                            rates[rate] += marked.was_sent - sent.was_sent
                        more = cursor.next()
                self._add_to_rates(transaction, {r: n for r, n in rates.items() if n})
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    # -- writing: the ledger writer ----------------------------------------------------------

    def write(self, batch: Sequence[Entry]) -> None:
        """Write entries, in one transaction; where there is no room the oldest ones go first.

        Raises StoreError; then none of them is written.
        """
        # In the order of their keys, which spares LMDB the way from the root for the next one.
        entries = sorted((entry.key, entry.value) for entry in batch)
        # Of two sends with one name the later one keeps it.
        names = sorted((name, entry.key) for entry in batch for name in entry.names)
        rates: Counter[bytes] = Counter()
        for entry in batch:
            hour = KEY.unpack(entry.key)[0] // _HOUR
            for domain, count in entry.domains.items():
                rates[rate_key(domain, hour)] += count
        try:
            while self._is_full() and self._expire_some(_EVER, _MAKE_ROOM_AT_ONCE):
                pass
            with self._environment.begin(write=True) as transaction:
                for database, items in ((self._sent, entries), (self._names, names)):
                    with transaction.cursor(database) as cursor:
                        cursor.putmulti(items)
                self._add_to_rates(transaction, rates)
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def _add_to_rates(
        self, transaction: lmdb.Transaction[bytes], rates: Mapping[bytes, int]
    ) -> None:
        for rate, count in rates.items():
            known = _COUNT.unpack(transaction.get(rate, _NONE, db=self._rates))[0]
            transaction.put(rate, _COUNT.pack(max(known + count, 0)), db=self._rates)

    def expire(self, before: int) -> int:
        """Forget some of the sends before a time, the oldest first; tells how many.

        So many take some milliseconds; where there are more, the next call goes on. Raises
        StoreError.
        """
        try:
            return self._expire_some(before, EXPIRE_AT_ONCE)
        except lmdb.Error as error:
            raise _explained(error, self._path) from error

    def _expire_some(self, before: int, most: int) -> int:
        deleted = 0
        rates: set[bytes] = set()
        begin = self._environment.begin
        with begin(write=True) as transaction, transaction.cursor(self._sent) as cursor:
            while deleted < most and cursor.first():
                sent = decoded(cursor.value())
                if sent.time >= before:
                    break
                self._forget_names(transaction, sent, cursor.key())
                rates |= {rate_key(domain_of(to), sent.time // _HOUR) for to in sent.recipients}
                cursor.delete()
                deleted += 1
            for rate in rates:
                transaction.delete(rate, db=self._rates)
        return deleted

    def _forget_names(self, transaction: lmdb.Transaction[bytes], sent: Sent, key: bytes) -> None:
        for name in name_digests(sent):
            if transaction.get(name, db=self._names) == key:  # a later send may have its name
                transaction.delete(name, db=self._names)

    def _is_full(self) -> bool:
        """Whether what is in use, free pages apart, fills the map but for a margin."""
        info = self._environment.info()
        page_size, room = self._environment.stat()["psize"], _FULL * info["map_size"]
        if info["last_pgno"] * page_size <= room:  # the file was never so long
            return False
        return sum(map(self._pages, (self._sent, self._names, self._rates))) * page_size > room

    def _pages(self, database: lmdb._Database) -> int:
        with self._environment.begin() as transaction:
            stat = transaction.stat(database)
        return stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o750, exist_ok=True)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _explained(error: lmdb.Error, path: Path) -> StoreError:
    if isinstance(error, lmdb.MapFullError):
        return StoreFull(
            f"{path}: the map is full: raise max_size in [ledger] and reload the daemons"
        )
    return explained(error, path)


def rate_of(value: bytes | None) -> int:
    """How many recipients a record of `rates` says; 0 where there is none."""
    return 0 if value is None else int(_COUNT.unpack(value)[0])


def rate_key(domain: str, hour: int) -> bytes:
    """The key of how many recipients of a domain were sent to in an hour since 1970."""
    return domain.encode() + b"\0" + _COUNT.pack(hour)
