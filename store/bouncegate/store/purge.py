"""Purging addresses: all that is stored about a person goes, on request.

What goes is the address's own, wholly: its events, summary and state, the bounce messages that
concern it alone, when it was mailed, what waits for it. What concerns others too stays without it:
acts lose it, messages are blanked where they name it (and go where an encoded part does), and so is
every text of the journal and of the audit that names it. Of its locks in force a salted digest is
kept (`purged`).

Many addresses cost one pass over the journal, as one does. What is found first is dealt with in
short transactions of their own; the last ones take the states, the entries and the index, and write
the record of it. If the process is killed before that, the addresses are still known, and the purge
can be repeated.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import (
    MOST_TARGETS,
    Act,
    Audit,
    Delivered,
    Entry,
    Event,
    Ruling,
    State,
    Summary,
)
from bouncegate.store.audit import Audits
from bouncegate.store.deliverylog import DeliveryLog
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.journaldelete import JournalDelete, Leaving
from bouncegate.store.lastmailed import LastMailed, key_of
from bouncegate.store.messages import Messages
from bouncegate.store.purgedmessages import PurgedMessage, PurgedMessages
from bouncegate.store.redaction import Redaction
from bouncegate.store.requests import UnlockRequests
from bouncegate.store.table import Table, Transaction
from bouncegate.store.throttle import Throttle

_PORTION: Final = 1000
# An address with its bounces takes a millisecond or so to remove.
_LEAST: Final = 20
_TEXTS: Final = ("diagnostic", "final_recipient", "original_recipient", "why", "other")
_T = TypeVar("_T")

OnProgress = Callable[[int], None]
"""Is told, again and again, how many addresses are done."""


class Found(Struct):
    """What is stored about some addresses, in numbers."""

    events: int = 0
    acts: int = 0
    """What was done to them, and their deliveries."""
    summarized: int = 0
    """Entries that only a summary tells of."""
    messages: int = 0
    """Bounce messages that concern them alone."""
    shared_messages: int = 0
    """Bounce messages that concern others too."""
    mentions: int = 0
    """Entries of others that name one of them in some text."""
    waiting: int = 0
    """Messages that Postfix's log tells of and that are not settled."""
    audits: int = 0
    """Records of operators' changes that name one of them."""
    requests: int = 0
    """Requests to unlock that are about one of them, or name it."""
    used: int = 0
    """Of how many it is known when they were last mailed."""
    known: set[str] = field(default_factory=set)
    """Those of the addresses about which there is anything."""


class Purge(Table):
    """Finding and removing; both raise StoreError."""

    def __init__(
        self,
        environment: Environment,
        history: History,
        messages: Messages,
        audits: Audits,
        deliverylog: DeliveryLog,
    ) -> None:
        super().__init__(environment)
        self._history = history
        self._messages: Final = PurgedMessages(environment, history, messages)
        self._audits = audits
        self._lastmailed = LastMailed(environment)
        self._deliverylog = deliverylog
        self._requests = UnlockRequests(environment, audits)
        self._removal = JournalDelete(environment, history)

    @property
    def folder(self) -> Path:
        """Of the store."""
        return self._path

    def find(self, addresses: AbstractSet[str]) -> Found:
        """What there is to remove: reads the whole journal once."""
        found, naming = Found(), Redaction(addresses)
        self._count_own(addresses, found)
        with self._reading() as transaction:
            waiting = self._deliverylog.keys_of(transaction, addresses)
            found.waiting = sum(map(len, waiting.values()))
            found.known.update(waiting)
            for names in self._requests.naming(transaction, naming):
                found.requests += 1
                found.known |= names
        for _, entry in self._mentions(addresses, naming):
            found.mentions += 1
            found.known.update(name for _, text in _texts(entry) for name in naming.named(text))
        for audit in self._audits.entries():
            names = _named(audit, naming)
            found.audits += bool(names)
            found.known |= names
        return found

    def _count_own(self, addresses: AbstractSet[str], found: Found) -> None:
        """Count what is the addresses' own; what several of them share is counted once."""
        journal, acts = self._history.journal, set[int]()
        for address in sorted(addresses):
            with self._reading() as transaction:
                told = list(journal.of_address_within(transaction, address))
            for number, entry in told:
                found.events += isinstance(entry, Event)
                found.summarized += entry.entries if isinstance(entry, Summary) else 0
                if isinstance(entry, Act | Delivered):
                    acts.add(number)
            is_used = self._lastmailed.day(address) is not None
            found.used += is_used
            if told or is_used:
                found.known.add(address)
        found.acts = len(acts)
        for message in self._shared(addresses):
            found.messages += not message.others
            found.shared_messages += bool(message.others)

    def carry_out(
        self,
        addresses: AbstractSet[str],
        audit: Audit,
        on_progress: OnProgress = lambda _: None,
    ) -> dict[str, State]:
        """Remove all of it; `audit` is the record of this. Returns what each is locked by."""
        waiting = self.prepare(addresses)
        audit = _without(audit, Redaction(addresses))
        return self._remove_all(sorted(addresses), audit, waiting, on_progress)

    def prepare(self, addresses: AbstractSet[str]) -> dict[str, list[bytes]]:
        """Remove what others share with the addresses; what waits for each stays, and is told.

        It takes several transactions, and may be repeated.
        """
        naming = Redaction(addresses)
        self._in_portions(self._shared(addresses), self._messages.remove)
        self._in_portions(
            (number for number, _ in self._mentions(addresses, naming)),
            lambda transaction, number: self._blank_entry(transaction, number, naming),
        )
        self._in_portions(
            self._corrected_to(addresses),
            lambda transaction, name: self._forget_correction(transaction, name, addresses),
        )
        self._in_portions(
            [one for one in self._audits.entries() if _named(one, naming)],
            lambda transaction, one: self._audits.put(transaction, _without(one, naming)),
        )
        with self._writing() as transaction:
            self._requests.purge(transaction, naming)
        with self._reading() as transaction:
            return self._deliverylog.keys_of(transaction, addresses)

    def remove(self, transaction: Transaction, addresses: AbstractSet[str], audit: Audit) -> None:
        """Remove the addresses' own, after `prepare`, within one transaction."""
        audit = _without(audit, Redaction(addresses))
        waiting = self._deliverylog.keys_of(transaction, addresses)
        self._remove_own(transaction, sorted(addresses), audit, waiting, {})

    def _remove_all(
        self,
        addresses: list[str],
        audit: Audit,
        waiting: dict[str, list[bytes]],
        on_progress: OnProgress,
    ) -> dict[str, State]:
        """What is the addresses' own, in order, so that a kill leaves no address half known."""
        left: dict[str, State] = {}
        throttle, rest = Throttle(_LEAST), iter(addresses)
        while portion := list(islice(rest, throttle.room)):
            with self._writing() as transaction:
                began = time.monotonic()
                audit = self._remove_own(transaction, portion, audit, waiting, left)
            throttle.took(len(portion), time.monotonic() - began)
            on_progress(len(left))
            if len(left) < len(addresses):
                time.sleep(throttle.pause)
        return left

    def _remove_own(
        self,
        transaction: Transaction,
        addresses: list[str],
        audit: Audit,
        waiting: dict[str, list[bytes]],
        left: dict[str, State],
    ) -> Audit:
        journal, states = self._history.journal, self._history.addresses
        # The last entry is never taken out, or its number would be given again.
        journal.append(transaction, Ruling("void", (), audit.time, by=audit.by, audit=audit.key))
        leaving: Leaving = defaultdict(set)
        for address in addresses:
            for key in waiting.get(address, ()):
                self._deliverylog.drop(transaction, key)
            self._lastmailed.purge(transaction, key_of(address))
            state = states.get_within(transaction, address) or EMPTY
            digest = states.purged.put(transaction, address, state, audit.time)
            if audit.count <= MOST_TARGETS:
                audit = replace(audit, purged=audit.purged + digest)
            numbers = journal.numbers(transaction, address)
            self._removal.take_out(transaction, address, numbers, leaving)
            journal.summarize(transaction, address, None)
            states.put(transaction, address, state, EMPTY)
            states.index.drop_bounced(transaction, address)
            left[address] = states.purged.get(transaction, address) or EMPTY
        self._removal.settle(transaction, leaving)
        self._audits.put(transaction, audit)
        return audit

    def _in_portions(self, items: Iterable[_T], do: Callable[[Transaction, _T], object]) -> None:
        """Do something with each item, in transactions that leave the lock to others in between."""
        throttle, rest = Throttle(_LEAST), iter(items)
        while portion := list(islice(rest, throttle.room)):
            with self._writing() as transaction:
                began = time.monotonic()
                for item in portion:
                    do(transaction, item)
            throttle.took(len(portion), time.monotonic() - began)
            time.sleep(throttle.pause)

    def _shared(self, addresses: AbstractSet[str]) -> Iterable[PurgedMessage]:
        """Each message once, with the names of all whom it is about."""
        found: dict[bytes, PurgedMessage] = {}
        for address in sorted(addresses):
            with self._reading() as transaction:
                for message in self._messages.of(transaction, address, addresses):
                    known = found.setdefault(message.key, message)
                    known.names |= message.names
                    known.others |= message.others
        return found.values()

    # -- texts of others ---------------------------------------------------------------------

    def _mentions(
        self, addresses: AbstractSet[str], naming: Redaction
    ) -> Iterator[tuple[int, Entry]]:
        """The entries that name one of the addresses in some text, but for their own events."""
        journal, position = self._history.journal, 1
        while True:
            with self._reading() as transaction:
                portion = list(islice(journal.entries_within(transaction, position), _PORTION))
            for number, entry in portion:
                own = isinstance(entry, Event) and entry.address in addresses
                if not own and any(naming.names(text) for _, text in _texts(entry)):
                    yield number, entry
            if len(portion) < _PORTION:
                return
            position = portion[-1][0] + 1

    def _blank_entry(self, transaction: Transaction, number: int, naming: Redaction) -> None:
        journal = self._history.journal
        if not journal.exists(transaction, number):
            return
        entry = journal.get(transaction, number)
        blanked = {
            field: "" if naming.is_one(text) else naming.blanked(text)
            for field, text in _texts(entry)
        }
        journal.rewrite(transaction, number, replace(entry, **blanked))
        if isinstance(entry, Act) and entry.verb == "correct" and naming.is_one(entry.other):
            for name in entry.addresses:
                self._forget_correction(transaction, name, {entry.other})

    def _corrected_to(self, addresses: AbstractSet[str]) -> Iterator[str]:
        """The addresses of which a summary says that one of these was meant."""
        journal, after = self._history.journal, ""
        while True:
            with self._reading() as transaction:
                portion = journal.summaries(transaction, after, _PORTION)
            yield from (name for name, one in portion if one.state.corrected in addresses)
            if len(portion) < _PORTION:
                return
            after = portion[-1][0]

    def _forget_correction(
        self, transaction: Transaction, name: str, addresses: AbstractSet[str]
    ) -> None:
        journal, states = self._history.journal, self._history.addresses
        summary = journal.summary(transaction, name)
        if summary is not None and summary.state.corrected in addresses:
            left = replace(summary.state, corrected="")
            journal.summarize(transaction, name, replace(summary, state=left))
        state = states.get_within(transaction, name) or EMPTY
        if state.corrected in addresses:
            states.put(transaction, name, state, replace(state, corrected=""))


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    """The texts of an entry in which somebody may be named."""
    for name in _TEXTS:
        text = getattr(entry, name, "")
        if text:
            yield name, text


def _named(audit: Audit, naming: Redaction) -> set[str]:
    """Which addresses a record names."""
    targets = {target for target in audit.targets if naming.is_one(target)}
    return targets | naming.named(f"{audit.why}\n{audit.command}")


def _without(audit: Audit, naming: Redaction) -> Audit:
    return replace(
        audit,
        targets=tuple(target for target in audit.targets if not naming.is_one(target)),
        why=naming.blanked(audit.why),
        command=naming.blanked(audit.command),
    )
