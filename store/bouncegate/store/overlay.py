"""The overlay: what the changes that wait do to the locks of this machine, until they are settled.

A bounce binds where it came in as soon as it is durable, whether or not the shared log can be
reached. What the log will make of it is not known yet: another machine's entry may come before it.
So all that the overlay changes is the lock record that the send path reads, and it is told again
from what is settled whenever that changes.

What an event does here is what it would do as the next one, except that it does nothing while DNS
has to confirm it or the guard holds its series: then it would not lock as the next one either.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from msgspec.structs import replace

from bouncegate.policy.conditions import those_that_meet
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import Act, Delivered, Event, State
from bouncegate.policy.unconfirmed import awaits_dns
from bouncegate.store.outbox import Outbox
from bouncegate.store.settledaddresses import SettledAddresses
from bouncegate.store.table import Transaction
from bouncegate.store.waitingguard import WaitingGuard


class Overlay:
    """The locks of addresses of which changes wait."""

    def __init__(self, settled: SettledAddresses, outbox: Outbox, guard: WaitingGuard) -> None:
        self.settled: Final = settled
        self.outbox: Final = outbox
        self.guard: Final = guard

    def state(self, transaction: Transaction, address: str, fold: Fold) -> State:
        """What is known of an address with all that waits."""
        if not address:  # a bounce of nobody's: nothing adds up to anything
            return EMPTY
        state = self.settled.settled(transaction, address)
        for number, entry in self.outbox.entries_of(transaction, address):
            if self._counts(transaction, state, address, entry):
                state = fold(state, number, entry)
        return state

    def write(self, transaction: Transaction, address: str, state: State) -> None:
        """Let the send path see a state that rests on what waits."""
        self.settled.overlay(transaction, address, state)

    def renew_all(self, transaction: Transaction, fold: Fold) -> None:
        """The same of every address of which something waits: what the guard holds is another."""
        for address in list(self.outbox.addresses(transaction)):
            self.renew(transaction, address, fold)

    def renew(self, transaction: Transaction, address: str, fold: Fold) -> None:
        """Tell the locks of an address again, after what is settled of it or what waits changed."""
        if self.outbox.concerns(transaction, address):
            self.write(transaction, address, self.state(transaction, address, fold))
        else:
            self.settled.uncover(transaction, address)

    def _counts(
        self, transaction: Transaction, before: State, address: str, entry: Event | Act | Delivered
    ) -> bool:
        """Whether an entry would do anything to an address as the next one."""
        if isinstance(entry, Event):
            return not self._is_held(transaction, entry)
        if isinstance(entry, Act):
            known = partial(self._subject, transaction, before, address)
            return bool(those_that_meet(_alone(entry, address), known).addresses)
        return True

    def _is_held(self, transaction: Transaction, event: Event) -> bool:
        """Whether an event would not count at once: an incident is open, or DNS is to be asked."""
        return awaits_dns(event) or self.guard.holds(transaction, event)

    def _subject(
        self, transaction: Transaction, before: State, address: str, subject: str
    ) -> State:
        """Of whom a condition must be true: mostly the address itself."""
        return before if subject == address else self.settled.settled(transaction, subject)


def _alone(act: Act, address: str) -> Act:
    """The act as far as it is about one address."""
    if len(act.addresses) == 1:
        return act
    seen = act.seen and (act.seen[act.addresses.index(address)],)
    return replace(act, addresses=(address,), seen=seen or ())
