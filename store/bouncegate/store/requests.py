"""Requests to unlock: somebody who may not lift a lock asks an operator who may.

    requests  number, 8 octets -> UnlockRequest

Numbers are given once. A request is deleted when it is approved or declined, when its address is
purged, and when its time is up; the audit keeps who asked and who decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bouncegate.policy.records import Audit
from bouncegate.store.audit import Audits
from bouncegate.store.codec import encode, number_of, octets_of
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreFull
from bouncegate.store.layout import REQUESTS
from bouncegate.store.meta import Progress
from bouncegate.store.redaction import Redaction
from bouncegate.store.table import Table, Transaction

MOST_OPEN: Final = 10_000
"""Nobody works through more; each is some 200 octets."""

_LAST: Final = "requests"


class UnlockRequest(Struct, frozen=True, omit_defaults=True):
    """One address, all of whose locks somebody asks to lift."""

    address: str
    time: int
    until: int
    """When it ends without an answer."""
    by: str
    why: str = ""
    notify: str = ""
    """Who gets a mail when it is decided."""


class UnlockRequests(Table):
    """The requests that wait for an answer."""

    def __init__(self, environment: Environment, audits: Audits) -> None:
        super().__init__(environment)
        self._audits = audits
        self._progress = Progress(environment)
        self._requests = self._database(REQUESTS)

    def waiting(self, now: int) -> list[tuple[int, UnlockRequest]]:
        """Those whose time is not up, by number, the oldest first. Raises StoreError."""
        with self._reading() as transaction:
            return [(number, one) for number, one in self._all(transaction) if one.until > now]

    def add(self, requests: Sequence[UnlockRequest], audit: Audit) -> list[int]:
        """Write requests, and the record of it; returns their numbers. Raises StoreError.

        An address has one request: asking again replaces it, under its number.
        """
        with self._writing() as transaction:
            known = {one.address: number for number, one in self._all(transaction)}
            last = number_of(self._progress.get_within(transaction, _LAST))
            numbers = []
            for one in requests:
                if (number := known.get(one.address)) is None:
                    number = last = last + 1
                transaction.put(octets_of(number), encode(one), db=self._requests)
                known[one.address] = number
                numbers.append(number)
            if len(known) > MOST_OPEN:
                raise StoreFull(f"{MOST_OPEN} requests wait already: decide some of them first")
            self._progress.put(transaction, _LAST, octets_of(last))
            self._audits.note(transaction, audit)
        return numbers

    def close(self, numbers: Sequence[int], audit: Audit | None = None) -> None:
        """Delete requests that were decided; `audit` is the record of it. Raises StoreError."""
        with self._writing() as transaction:
            for number in numbers:
                transaction.delete(octets_of(number), db=self._requests)
            self._audits.note(transaction, audit)

    def expire(self, now: int) -> int:
        """Delete those whose time is up; returns how many. Raises StoreError."""
        with self._writing() as transaction:
            return self._drop(transaction, lambda one: one.until <= now)

    def naming(self, transaction: Transaction, naming: Redaction) -> list[set[str]]:
        """Of each request that is about some addresses, or names them: which it is."""
        named = (_named(one, naming) for _, one in self._all(transaction))
        return [names for names in named if names]

    def purge(self, transaction: Transaction, naming: Redaction) -> None:
        """Delete those about some addresses, and blank them in those of others."""
        self._drop(transaction, lambda one: naming.is_one(one.address))
        for number, one in list(self._all(transaction)):
            if _named(one, naming):
                blanked = replace(
                    one,
                    by=naming.blanked(one.by),
                    why=naming.blanked(one.why),
                    notify="" if naming.names(one.notify) else one.notify,
                )
                transaction.put(octets_of(number), encode(blanked), db=self._requests)

    def _drop(self, transaction: Transaction, is_over: Callable[[UnlockRequest], bool]) -> int:
        gone = [number for number, one in self._all(transaction) if is_over(one)]
        for number in gone:
            transaction.delete(octets_of(number), db=self._requests)
        return len(gone)

    def _all(self, transaction: Transaction) -> Iterator[tuple[int, UnlockRequest]]:
        with transaction.cursor(self._requests) as cursor:
            for key, value in cursor.iternext() if cursor.first() else ():
                yield number_of(key), _DECODER.decode(value)


_DECODER: Final = msgspec.msgpack.Decoder(UnlockRequest)


def _named(one: UnlockRequest, naming: Redaction) -> set[str]:
    about = {one.address} if naming.is_one(one.address) else set[str]()
    return about | naming.named(f"{one.by}\n{one.why}\n{one.notify}")
