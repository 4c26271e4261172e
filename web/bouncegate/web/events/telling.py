"""The events of one entry of the journal, address by address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bouncegate.config.taxonomy import Kind
from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.records import (
    Act,
    Delivered,
    Entry,
    Event,
    Opened,
    Ruling,
    Settled,
)
from bouncegate.policy.timeline import Step
from bouncegate.store.history import History
from bouncegate.store.table import Transaction
from bouncegate.web.events import event as told
from bouncegate.web.events.changes import changes
from bouncegate.web.events.past import Past, events_of

NOBODY: Final = ""
"""In place of an address, of an entry that concerns none."""


class Unit(NamedTuple):
    """What is told together, in parts: of an entry on a thousand addresses, each is one."""

    addresses: tuple[str, ...]
    tell: Callable[[Transaction, str], list[told.Event]]

    def behind(self, inside: str) -> tuple[str, ...]:
        """The addresses that are left to tell of; all, if the last one is not there any more."""
        if inside not in self.addresses:
            return self.addresses
        return self.addresses[self.addresses.index(inside) + 1 :]


class Telling:
    """Entries of one journal as events."""

    def __init__(self, history: History, past: Past, make: told.Maker) -> None:
        self._history = history
        self._past = past
        self._make = make

    def unit(self, transaction: Transaction, number: int, entry: Entry, clock: int) -> Unit:
        """What an entry tells; `clock`: up to when locks are told to have ended."""
        now = max(entry.time, clock)

        def tell(transaction: Transaction, address: str) -> list[told.Event]:
            if address == NOBODY:
                return list(self._of_nobody(number, entry))
            return list(self._of_address(transaction, number, entry, address, now))

        return Unit(self._addresses(transaction, entry), tell)

    def _addresses(self, transaction: Transaction, entry: Entry) -> tuple[str, ...]:
        if isinstance(entry, Event):
            return (entry.address,) if entry.address else ()
        if isinstance(entry, Act | Delivered):
            return tuple(dict.fromkeys(entry.addresses))
        if isinstance(entry, Ruling):
            events = events_of(entry, self._history, transaction)
            return tuple(sorted({event.address for event in events} - {""}))
        return (NOBODY,)

    def _of_nobody(self, number: int, entry: Entry) -> Iterator[told.Event]:
        if isinstance(entry, Opened):
            opened = told.IncidentOpened(
                number, entry.provider, entry.reason, entry.addresses, entry.limit
            )
            yield self._make(opened, entry.time, number)
        elif isinstance(entry, Settled):
            settled = told.IncidentSettled(
                entry.incident, entry.verb, entry.by or None, entry.why or None
            )
            yield self._make(settled, entry.time, number)

    def _of_address(
        self, transaction: Transaction, number: int, entry: Entry, address: str, now: int
    ) -> Iterator[told.Event]:
        moment = self._past.moment(transaction, address, number)
        if isinstance(entry, Event) and moment.step is not None:
            for data in _arrived(address, entry, moment.step):
                yield self._make(data, entry.time, number, address)
        for change, scope in changes(address, entry, moment.before, moment.after, now):
            yield self._make(change, entry.time, number, address, scope)
        if isinstance(entry, Act) and entry.verb == "correct":
            corrected = told.AddressCorrected(
                *told.about(address), entry.other, entry.by or None, entry.why or None
            )
            yield self._make(corrected, entry.time, number, address)


def _arrived(address: str, event: Event, step: Step) -> Iterator[told.Data]:
    """What is told of a bounce or complaint itself."""
    mail = (event.mailing or None, event.group or None, event.message_id or None)
    effect = str(step.effect)
    if event.kind is Kind.COMPLAINT:
        yield told.ComplaintReceived(
            *told.about(address), effect, event.feedback or None, *mail, event.trust
        )
    elif event.kind in (Kind.HARD, Kind.SOFT):
        address, internal_id = told.about(address)
        mailing, group, message_id = mail
        yield told.BounceReceived(
            address=address,
            internal_id=internal_id,
            kind=reported_kind(event),
            category=event.category,
            reason=event.reason,
            blame=event.blamed,
            effect=effect,
            hard=step.after.hard,
            soft=step.after.soft,
            soft_in_row=step.after.soft_in_row,
            status=event.status or None,
            diagnostic=event.diagnostic or None,
            mailing=mailing,
            group=group,
            message_id=message_id,
            trust=event.trust,
        )
