"""Addresses by their domains, so that those of one are found without reading all others.

    by_domain  domain NUL, then the address up to and with its @ -> one octet of bits
                 1  a bounce of it is kept, whether or not it counts
                 2  it has a state or a lock, if only one that has ended

Within a domain the order is that of the addresses. What is here follows from the journal and from
the states, and from nothing else: it is equal wherever these are.
"""

from __future__ import annotations

from itertools import islice, takewhile
from typing import Final

from bouncegate.store.environment import Environment
from bouncegate.store.layout import BY_DOMAIN
from bouncegate.store.table import Table, Transaction

BOUNCES: Final = 1
STATE: Final = 2


class DomainIndex(Table):
    """Writing and reading it, within a transaction of the caller's; keys are addresses in UTF-8."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._by_domain = self._database(BY_DOMAIN)

    def mark(self, transaction: Transaction, key: bytes, bit: int, *, is_set: bool) -> None:
        """Say whether something is true of an address; one of which nothing is, is not in it."""
        place = place_of(key)
        before = (transaction.get(place, db=self._by_domain) or b"\0")[0]
        after = before | bit if is_set else before & ~bit
        if after and after != before:
            transaction.put(place, bytes([after]), db=self._by_domain)
        elif after != before:
            transaction.delete(place, db=self._by_domain)

    def bits(self, transaction: Transaction, key: bytes) -> int:
        """What is true of an address."""
        return (transaction.get(place_of(key), db=self._by_domain) or b"\0")[0]

    def listed(
        self, transaction: Transaction, domain: bytes, after: bytes, most: int
    ) -> list[bytes]:
        """At most so many addresses of a domain, in order, behind an address of any domain."""
        prefix = domain + b"\0"
        local, at, _ = after.rpartition(b"@")
        with transaction.cursor(self._by_domain) as cursor:
            if not cursor.set_range(prefix + local + at):
                return []
            keys = takewhile(lambda key: key.startswith(prefix), cursor.iternext(values=False))
            return list(islice((one for one in map(address_of, keys) if one > after), most))


def place_of(key: bytes) -> bytes:
    """Where an address stands."""
    local, at, domain = key.rpartition(b"@")
    return domain + b"\0" + local + at


def address_of(place: bytes) -> bytes:
    """The address that stands there."""
    domain, _, local = place.partition(b"\0")
    return local + domain
