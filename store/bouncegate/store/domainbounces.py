"""Which addresses of a domain have bounced hard, as the journal tells it.

Asked once an hour at most, and only of domains that DNS calls dead: so the journal is read, rather
than a count kept at the cost of every bounce.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from bouncegate.config.taxonomy import Kind
from bouncegate.policy.deaddomain import Bounced
from bouncegate.policy.records import Act, Delivered, Entry, Event
from bouncegate.store.address import domain_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.table import Table, Transaction


class DomainBounces(Table):
    """Hard bounces and signs of life by domain."""

    def __init__(self, environment: Environment, history: History) -> None:
        super().__init__(environment)
        self._history = history

    def since(
        self, since: Mapping[str, int], counts: Callable[[Event], bool]
    ) -> dict[str, Bounced]:
        """What the journal tells of domains, each since a time of its own.

        `counts` says which events do. Reads the journal from the earliest of these times on.
        """
        with self._reading() as transaction:
            return self._since(transaction, since, counts)

    def _since(
        self,
        transaction: Transaction,
        since: Mapping[str, int],
        counts: Callable[[Event], bool],
    ) -> dict[str, Bounced]:
        addresses: dict[str, set[str]] = {domain: set() for domain in since}
        alive = dict.fromkeys(since, 0)
        start = self._history.journal.first_since(transaction, min(since.values(), default=0))
        for number, entry in (
            self._history.journal.entries_within(transaction, start) if since else ()
        ):
            for address, time in _signs_of_life(entry):
                domain = domain_of(address)
                if domain in alive:
                    alive[domain] = max(alive[domain], time)
            if not isinstance(entry, Event) or entry.kind is not Kind.HARD:
                continue
            domain = domain_of(entry.address)
            if entry.time < since.get(domain, entry.time + 1) or not counts(entry):
                continue
            if not self._history.rulings.leaves_out(transaction, number):
                addresses[domain].add(entry.address)
        return {domain: Bounced(len(addresses[domain]), alive[domain]) for domain in since}


def _signs_of_life(entry: Entry) -> Iterator[tuple[str, int]]:
    """Who is there, and when."""
    who: Iterable[str] = ()
    when = entry.time
    if isinstance(entry, Delivered):
        who, when = entry.addresses, entry.sent
    elif isinstance(entry, Act) and entry.verb == "alive":
        who = entry.addresses
    elif isinstance(entry, Event) and entry.action == "delivered":
        who = (entry.address,)
    yield from ((address, when) for address in who)
