"""What DNS says of domains, and which ones are to be looked up.

    mx         domain -> Exchange
    mx_hosts   best MX host with its labels turned round, NUL, domain -> nothing; so the domains of
               which a provider's servers are the best lie beside one another
    mx_wanted  domain -> when to ask, 4 octets

All three are bounded. Whatever is missing here costs no more than a provider that is known by the
domain's name alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import islice, takewhile
from typing import Final, NamedTuple

import lmdb
import msgspec

from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import DENIALS, UNASKED, MxAnswer, MxHosts, learn, next_question
from bouncegate.store.codec import encode
from bouncegate.store.environment import Environment
from bouncegate.store.layout import MX, MX_HOSTS, MX_WANTED, explained
from bouncegate.store.meta import Progress
from bouncegate.store.table import Table, Transaction

# A domain name has at most 253 characters (RFC 1035, 2.3.4): two of them fit into a key of LMDB.
_LONGEST_NAME: Final = 253
# At a budget of 20 questions a second some ten minutes' work. What is left out because the queue is
# full is wanted again with its next bounce.
MOST_WANTED: Final = 10_000
_TIME: Final = 4
# Some is thrown away at once, so that not each new domain costs a reading of all.
_ROOM: Final = 0.05
_PORTION: Final = 2000
# Where random domains are sought: behind two random characters, among so many.
_FIRST_LETTERS: Final = b"0123456789abcdefghijklmnopqrstuvwxyz"
_LOOKED_AT: Final = 50
_FAULT: Final = "name-servers"
_DENIALS: Final = tuple(status.encode() for status in DENIALS)
_EXCHANGES: Final = msgspec.msgpack.Decoder(MxHosts)


def can_be_asked(domain: str) -> bool:
    """Whether a canonical domain is a name, and no address literal (RFC 5321, 4.1.3)."""
    return 0 < len(domain) <= _LONGEST_NAME and not domain.startswith("[")


class NameServerFault(NamedTuple):
    """Why what name servers deny is not believed."""

    since: int
    why: str
    may_be_true: bool = False
    """Whether it is believed once it has lasted for `[dns] confirm`."""


class MxCache(Table):
    """The three databases; each method is a transaction of its own, but for `want_within`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._progress = Progress(environment)
        self._known = self._database(MX)
        self._hosts = self._database(MX_HOSTS)
        self._wanted = self._database(MX_WANTED)

    # -- what is known -----------------------------------------------------------------------

    def of(self, domain: str) -> MxHosts:
        """What is known of a domain; raises StoreError."""
        if not can_be_asked(domain):
            return UNASKED
        try:  # asked for each bounce: `_transaction` would take half as long again
            with self._environment.begin(db=self._known) as transaction:
                value = transaction.get(domain.encode())
        except lmdb.Error as error:
            raise explained(error, self._path) from error
        return UNASKED if value is None else _EXCHANGES.decode(value)

    def domains_at(self, end: str) -> Iterator[tuple[str, str]]:
        """(domain, its best MX host) of all hosts whose names end so; raises StoreError."""
        first = _turned(end)
        with self._reading() as transaction, transaction.cursor(self._hosts) as cursor:
            if cursor.set_range(first):
                keys = cursor.iternext(values=False)
                for key in takewhile(lambda key: key.startswith(first), keys):
                    turned, _, domain = key.partition(b"\0")
                    yield domain.decode(), _turned_back(turned)

    def survey(self, confirm: int) -> tuple[dict[str, MxHosts], int]:
        """All domains that are dead, and when any was last called alive; raises StoreError.

        Reads everything: a tenth of a second for 100,000 domains.
        """
        dead: dict[str, MxHosts] = {}
        last_good = 0
        with self._reading() as transaction, transaction.cursor(self._known) as cursor:
            for key, value in cursor.iternext() if cursor.first() else ():
                known = _EXCHANGES.decode(value)
                if known.denial is None:
                    last_good = max(last_good, known.fetched)
                elif known.is_dead(confirm):
                    dead[key.decode()] = known
        return dead, last_good

    def denied(self, after: str = "") -> Iterator[tuple[str, MxHosts]]:
        """The domains that are believed to take no mail, in order; raises StoreError."""
        start, more = after.encode(), True
        while more:
            with self._reading() as transaction, transaction.cursor(self._known) as cursor:
                found = cursor.set_range(start + b"\0") if start else cursor.first()
                some = list(islice(cursor.iternext(), _PORTION)) if found else []
            for domain, value in some:
                if any(word in value for word in _DENIALS):  # a tenth of decoding it
                    exchange = _EXCHANGES.decode(value)
                    if exchange.status in DENIALS:
                        yield domain.decode(), exchange
            start, more = some[-1][0] if some else b"", len(some) == _PORTION

    def some_that_take_mail(self, most: int, without: Collection[str] = ()) -> list[str]:
        """Some domains of which DNS said at last that they take mail, others each time.

        They lie behind random names; where few do, all are looked at: a tenth of a second for
        100,000 domains. Raises StoreError.
        """
        found: dict[str, None] = {}
        with self._reading() as transaction, transaction.cursor(self._known) as cursor:
            for _ in range(most):
                start = bytes((secrets.choice(_FIRST_LETTERS), secrets.choice(_FIRST_LETTERS)))
                items = islice(cursor.iternext(), _LOOKED_AT) if cursor.set_range(start) else ()
                found.update(islice(_taking_mail(items, {*without, *found}), 1))
            if len(found) < most:
                rest = cursor.iternext() if cursor.first() else ()
                found.update(islice(_taking_mail(rest, {*without, *found}), most - len(found)))
        return list(found)

    def fault(self) -> NameServerFault | None:
        """Why name servers are not believed, if they are not; raises StoreError."""
        with self._reading() as transaction:
            octets = self._progress.get_within(transaction, _FAULT)
        return msgspec.msgpack.decode(octets, type=NameServerFault) if octets else None

    def note_fault(self, fault: NameServerFault | None) -> None:
        """Keep that name servers are not believed, or that they are; raises StoreError."""
        octets = b"" if fault is None else msgspec.msgpack.encode(fault)
        with self._writing() as transaction:
            self._progress.put(transaction, _FAULT, octets)

    def count(self) -> int:
        """How many domains are known; raises StoreError."""
        with self._reading() as transaction:
            return transaction.stat(self._known)["entries"]

    def waiting(self) -> int:
        """How many domains are to be asked for, now or later; raises StoreError."""
        with self._reading() as transaction:
            return transaction.stat(self._wanted)["entries"]

    # -- what is wanted ----------------------------------------------------------------------

    def want(self, domains: Iterable[str], when: int) -> None:
        """Let domains be asked for at a time, or earlier where that is wanted already.

        Raises StoreError.
        """
        with self._writing() as transaction:
            self.want_within(transaction, domains, when)

    def due(self, now: int, most: int) -> list[str]:
        """Some of the domains of which DNS is to be asked now, the longest wanted first.

        Raises StoreError.
        """
        with self._reading() as transaction, transaction.cursor(self._wanted) as cursor:
            wanted = cursor.iternext() if cursor.first() else ()
            waiting = ((_seconds(when), domain) for domain, when in wanted)
            due = nsmallest(most, (entry for entry in waiting if entry[0] <= now))
        return [domain.decode() for _, domain in due]

    def want_within(self, transaction: Transaction, domains: Iterable[str], when: int) -> None:
        """The same within a transaction of the caller's; raises lmdb.Error."""
        for domain in filter(can_be_asked, domains):
            key = domain.encode()
            known = transaction.get(key, db=self._wanted)
            if known is None and transaction.stat(self._wanted)["entries"] >= MOST_WANTED:
                return
            if known is None or when < _seconds(known):
                transaction.put(key, when.to_bytes(_TIME, "big"), db=self._wanted)

    # -- what is learned ---------------------------------------------------------------------

    def learn(
        self, answers: Mapping[str, MxAnswer], now: int, settings: DnsSettings
    ) -> dict[str, MxHosts]:
        """Take in answers, and tell what is known of their domains now. Raises StoreError.

        The domains are no longer wanted, or at a later time, where that is worth while.
        """
        learned: dict[str, MxHosts] = {}
        with self._writing() as transaction:
            for domain, answer in answers.items():
                known = self._get(transaction, domain.encode())
                learned[domain] = learn(known, answer, now, settings)
                self._put(transaction, domain, known, learned[domain])
                transaction.delete(domain.encode(), db=self._wanted)
                again = next_question(learned[domain], settings)
                if again is not None:
                    self.want_within(transaction, (domain,), again)
        self._make_room(settings.domains)
        return learned

    def _make_room(self, most: int) -> None:
        """Forget those that have not been asked for the longest, where there are too many."""
        excess = self.count() - most
        if excess <= 0:
            return
        with self._reading() as transaction, transaction.cursor(self._known) as cursor:
            entries = cursor.iternext() if cursor.first() else ()
            ages = ((_age(_EXCHANGES.decode(value)), domain) for domain, value in entries)
            oldest = nsmallest(excess + int(most * _ROOM), ages)
        with self._writing() as transaction:
            for _, key in oldest:
                domain = key.decode()
                self._index(transaction, domain, self._get(transaction, key), UNASKED)
                transaction.delete(key, db=self._known)

    def _get(self, transaction: Transaction, key: bytes) -> MxHosts:
        value = transaction.get(key, db=self._known)
        return UNASKED if value is None else _EXCHANGES.decode(value)

    def _put(self, transaction: Transaction, domain: str, before: MxHosts, after: MxHosts) -> None:
        transaction.put(domain.encode(), encode(after), db=self._known)
        self._index(transaction, domain, before, after)

    def _index(
        self, transaction: Transaction, domain: str, before: MxHosts, after: MxHosts
    ) -> None:
        was, is_now = before.mx_hosts[:1], after.mx_hosts[:1]
        if was == is_now:
            return
        for host in was:
            transaction.delete(host_key(host, domain), db=self._hosts)
        for host in is_now:
            transaction.put(host_key(host, domain), b"", db=self._hosts)


def _taking_mail(
    items: Iterable[tuple[bytes, bytes]], without: Collection[str]
) -> Iterator[tuple[str, None]]:
    for key, value in items:
        domain = key.decode()
        if domain not in without and _EXCHANGES.decode(value).takes_mail:
            yield domain, None


def _age(exchange: MxHosts) -> int:
    return max(exchange.fetched, exchange.failed)


def _seconds(when: bytes) -> int:
    return int.from_bytes(when, "big")


def host_key(host: str, domain: str) -> bytes:
    """The key under which the domain of a best MX host is found."""
    return _turned(host) + b"\0" + domain.encode()


def _turned(name: str) -> bytes:
    """`mx.example.com` as `com.example.mx.`: what ends alike then begins alike."""
    return b"".join(label + b"." for label in reversed(name.encode().split(b".")))


def _turned_back(name: bytes) -> str:
    return ".".join(reversed(name.decode().removesuffix(".").split(".")))
