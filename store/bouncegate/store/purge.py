"""Purging an address: all that is stored about a person goes, on request.

What goes is the address's own, wholly: its events, summary and state, the bounce messages that
concern it alone, when it was mailed, what waits for it. What concerns others too stays without it:
acts lose it, messages are blanked where they name it (and go where an encoded part does), and so is
every text of the journal and of the audit that names it. Of its locks in force a salted digest is
kept (`purged`).

What is found first is dealt with in short transactions of their own; the last one takes the state,
the entries and the index, and writes the record of it. If the process is killed before that, the
address is still known, and the purge can be repeated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Audit, Delivered, Entry, Event, Ruling, State
from bouncegate.store.audit import Audits
from bouncegate.store.deliverylog import DeliveryLog
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.journaldelete import JournalDelete, Leaving
from bouncegate.store.lastmailed import LastMailed, key_of
from bouncegate.store.messages import Messages, message_key
from bouncegate.store.redaction import Redaction
from bouncegate.store.requests import UnlockRequests
from bouncegate.store.table import Table, Transaction

_PORTION: Final = 1000
# How far apart in the journal two recipients of one bounce may stand.
_APART: Final = 1100

_TEXTS: Final = ("diagnostic", "final_recipient", "original_recipient", "why", "other")


class Found(Struct):
    """What is stored about an address, in numbers."""

    events: int = 0
    acts: int = 0
    """What was done to it, and its deliveries."""
    summarized: int = 0
    """Entries that only their summary tells of."""
    messages: int = 0
    """Bounce messages that concern it alone."""
    shared_messages: int = 0
    """Bounce messages that concern others too."""
    mentions: int = 0
    """Entries of others that name it in some text."""
    waiting: int = 0
    """Messages that Postfix's log tells of and that are not settled."""
    audits: int = 0
    """Records of operators' changes that name it."""
    requests: int = 0
    """Requests to unlock that are about it, or name it."""
    used: bool = False
    """Whether it is known when it was last mailed."""


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
        self._messages = messages
        self._audits = audits
        self._lastmailed = LastMailed(environment)
        self._deliverylog = deliverylog
        self._requests = UnlockRequests(environment, audits)
        self._removal = JournalDelete(environment, history)

    def find(self, address: str) -> Found:
        """What there is to remove: reads the whole journal."""
        found = Found(used=self._lastmailed.day(address) is not None)
        naming = Redaction([address])
        with self._reading() as transaction:
            journal = self._history.journal
            summary = journal.summary(transaction, address)
            found.summarized = summary.entries if summary else 0
            for _, entry in journal.of_address_within(transaction, address):
                found.events += isinstance(entry, Event)
                found.acts += isinstance(entry, Act | Delivered)
            for key, others in self._messages_of(transaction, address).items():
                if self._messages.get_within(transaction, key) is not None:
                    found.messages += not others
                    found.shared_messages += bool(others)
            found.requests = self._requests.count_of(transaction, address, naming)
            found.waiting = len(self._deliverylog.keys_of(transaction, address))
        found.mentions = sum(1 for _ in self._mentions(address, naming))
        found.audits = sum(1 for audit in self._audits.entries() if _names(audit, address, naming))
        return found

    def carry_out(self, address: str, audit: Audit) -> State:
        """Remove all of it; `audit` is the record of this. Returns what it was locked by."""
        naming = Redaction([address])
        with self._reading() as transaction:
            messages = self._messages_of(transaction, address)
            aliases = self._aliases(transaction, address)
        for key, others in messages.items():
            with self._writing() as transaction:
                self._remove_message(transaction, key, others, Redaction([address, *aliases]))
        for number, _ in self._mentions(address, naming):
            with self._writing() as transaction:
                self._blank_entry(transaction, number, address, naming)
        self._uncorrect(address)
        named = [one for one in self._audits.entries() if _names(one, address, naming)]
        with self._writing() as transaction:
            for key in self._deliverylog.keys_of(transaction, address):
                self._deliverylog.drop(transaction, key)
            self._requests.purge(transaction, address, naming)
            self._lastmailed.purge(transaction, key_of(address))
            for one in named:
                self._audits.put(transaction, _without(one, address, naming))
            return self._remove_own(transaction, address, _without(audit, address, naming))

    def _remove_own(self, transaction: Transaction, address: str, audit: Audit) -> State:
        journal, states = self._history.journal, self._history.addresses
        # The last entry is never taken out, or its number would be given again.
        mark = Ruling("void", (), audit.time, by=audit.by, audit=audit.key)
        journal.append(transaction, mark)
        state = states.get_within(transaction, address) or EMPTY
        digest = states.purged.put(transaction, address, state, audit.time)
        self._audits.put(transaction, replace(audit, purged=digest))
        leaving: Leaving = defaultdict(set)
        numbers = journal.numbers(transaction, address)
        self._removal.take_out(transaction, address, numbers, leaving)
        self._removal.settle(transaction, leaving)
        journal.summarize(transaction, address, None)
        states.put(transaction, address, state, EMPTY)
        states.index.drop_bounced(transaction, address)
        return states.purged.get(transaction, address) or EMPTY

    # -- messages ----------------------------------------------------------------------------

    def _messages_of(self, transaction: Transaction, address: str) -> dict[bytes, list[int]]:
        """The messages of its bounces, each with the bounces of others that it tells of too."""
        found: dict[bytes, list[int]] = {}
        for number, entry in self._history.journal.of_address_within(transaction, address):
            if isinstance(entry, Event) and entry.raw:
                before = range(number - 1, max(number - _APART, 0), -1)
                behind = range(number + 1, number + _APART)
                others = [
                    other
                    for way in (before, behind)
                    for other in self._alike(transaction, way, entry.raw, address)
                ]
                found.setdefault(entry.raw, []).extend(others)
        return {key: sorted(set(others)) for key, others in found.items()}

    def _alike(
        self,
        transaction: Transaction,
        numbers: Iterable[int],
        raw: bytes,
        address: str,
    ) -> Iterator[int]:
        """The bounces of others by the same message: they came in the same transaction."""
        journal = self._history.journal
        for number in numbers:
            if not journal.exists(transaction, number):
                continue
            entry = journal.get(transaction, number)
            if not isinstance(entry, Event):
                continue
            if entry.raw != raw:
                return
            if entry.address != address:
                yield number

    def _aliases(self, transaction: Transaction, address: str) -> set[str]:
        """What bounces of the address call it: where it forwards its mail to, say."""
        entries = self._history.journal.of_address_within(transaction, address)
        return {
            name
            for _, entry in entries
            if isinstance(entry, Event)
            for name in (entry.final_recipient, entry.original_recipient)
            if "@" in name.strip("@")
        }

    def _remove_message(
        self, transaction: Transaction, key: bytes, others: list[int], naming: Redaction
    ) -> None:
        raw = self._messages.get_within(transaction, key)
        if raw is None:
            return
        blanked = naming.blanked_message(raw) if others else None
        self._messages.delete(transaction, key)
        new = b""
        if blanked is not None:
            new = message_key(blanked, int.from_bytes(key[:4], "big"))
            self._messages.put(transaction, new, blanked)
        journal = self._history.journal
        for number in others:
            event = journal.event(transaction, number)
            journal.rewrite(transaction, number, replace(event, raw=new))

    # -- texts of others ---------------------------------------------------------------------

    def _mentions(self, address: str, naming: Redaction) -> Iterator[tuple[int, Entry]]:
        """The entries that name the address in some text, but for its own events."""
        journal, position = self._history.journal, 1
        while True:
            with self._reading() as transaction:
                portion = list(islice(journal.entries_within(transaction, position), _PORTION))
            for number, entry in portion:
                own = isinstance(entry, Event) and entry.address == address
                if not own and any(naming.names(text) for _, text in _texts(entry)):
                    yield number, entry
            if len(portion) < _PORTION:
                return
            position = portion[-1][0] + 1

    def _blank_entry(
        self,
        transaction: Transaction,
        number: int,
        address: str,
        naming: Redaction,
    ) -> None:
        journal = self._history.journal
        if not journal.exists(transaction, number):
            return
        entry = journal.get(transaction, number)
        blanked = {
            field: "" if text == address else naming.blanked(text) for field, text in _texts(entry)
        }
        journal.rewrite(transaction, number, replace(entry, **blanked))
        if isinstance(entry, Act) and entry.verb == "correct" and entry.other == address:
            for name in entry.addresses:
                self._forget_correction(transaction, name, address)

    def _uncorrect(self, address: str) -> None:
        """No summary says any more that this address was meant."""
        journal, after = self._history.journal, ""
        while True:
            with self._reading() as transaction:
                portion = journal.summaries(transaction, after, _PORTION)
            for name, summary in portion:
                if summary.state.corrected == address:
                    with self._writing() as transaction:
                        self._forget_correction(transaction, name, address)
            if len(portion) < _PORTION:
                return
            after = portion[-1][0]

    def _forget_correction(self, transaction: Transaction, name: str, address: str) -> None:
        journal, states = self._history.journal, self._history.addresses
        summary = journal.summary(transaction, name)
        if summary is not None and summary.state.corrected == address:
            left = replace(summary.state, corrected="")
            journal.summarize(transaction, name, replace(summary, state=left))
        state = states.get_within(transaction, name) or EMPTY
        if state.corrected == address:
            states.put(transaction, name, state, replace(state, corrected=""))


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    """The texts of an entry in which somebody may be named."""
    for field in _TEXTS:
        text = getattr(entry, field, "")
        if text:
            yield field, text


def _names(audit: Audit, address: str, naming: Redaction) -> bool:
    return address in audit.targets or naming.names(f"{audit.why}\n{audit.command}")


def _without(audit: Audit, address: str, naming: Redaction) -> Audit:
    return replace(
        audit,
        targets=tuple(target for target in audit.targets if target != address),
        why=naming.blanked(audit.why),
        command=naming.blanked(audit.command),
    )
