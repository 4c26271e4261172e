"""The bounces that wait for DNS: found and counted, until DNS has answered.

They are held in the journal under `UNCONFIRMED`, in place of the number of an incident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bouncegate.policy.mx import MxHosts
from bouncegate.policy.records import Event
from bouncegate.store.address import domain_of
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.table import Table

# Some ten milliseconds of one read transaction.
_PORTION: Final = 2000
# So many domains are remembered when they are counted.
_MOST_DOMAINS: Final = 100_000


class Pile(NamedTuple):
    """How much waits."""

    events: int = 0
    domains: int = 0
    unanswered: int = 0
    """Those of the domains of which DNS has said nothing since."""
    oldest: int = 0
    """When the first of them came; 0 where none waits."""


class Unconfirmed(Table):
    """The bounces of one store that wait for DNS; all methods raise StoreError."""

    def __init__(self, environment: Environment, history: History) -> None:
        super().__init__(environment)
        self._history = history

    def portions(self) -> Iterator[list[tuple[int, Event]]]:
        """All that waits, in the order in which it came, each portion read at one moment."""
        position = 1
        while position:
            with self._reading() as transaction:
                rulings, event = self._history.rulings, self._history.journal.event
                numbers, position = rulings.unconfirmed(transaction, position, _PORTION)
                portion = [(number, event(transaction, number)) for number in numbers]
            if portion:
                yield portion

    def pile(self, known: Callable[[str], MxHosts]) -> Pile:
        """How much waits; reads all of it. `known` is what DNS says of a domain."""
        events = oldest = 0
        domains: dict[str, int] = {}
        for portion in self.portions():
            events += len(portion)
            first = min(event.time for _, event in portion)
            oldest = min(oldest, first) if oldest else first
            if len(domains) < _MOST_DOMAINS:
                domains.update((domain_of(event.address), event.time) for _, event in portion)
        unanswered = sum(known(domain).fetched < came for domain, came in domains.items())
        return Pile(events, len(domains), unanswered, oldest)
