"""Reports that name no recipient of a message that is known, and which messages they may be about.

A server names whom *it* mailed: after a forwarding that is an address that we never mailed. So a
proven report of nobody's is about one of the recipients of its message, and nobody can tell which;
a report that proves nothing may be about any of those whose message it names. While there is one,
that no bounce of a recipient came is no sign that his mail arrived.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

from bouncegate.policy.records import Event
from bouncegate.store.entry import digest


class Unattributed(NamedTuple):
    """What the reports that are kept say of their messages."""

    times: frozenset[int] = frozenset()
    """When they were sent, where nothing else is known of them."""
    names: frozenset[bytes] = frozenset()
    """Digests of queue ids and Message-IDs, as in the ledger."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """That of events that count for no address."""
        times, names = set[int](), set[bytes]()
        for event in events:
            named = {digest(name) for name in (event.queue_id, event.message_id) if name}
            names |= named
            if event.sent and not named:
                times.add(event.sent)
        return cls(frozenset(times), frozenset(names))

    def may_concern(self, time: int, names: Iterable[bytes]) -> bool:
        """Whether one may be about a message of that time, with these digests of its names."""
        return time in self.times or not self.names.isdisjoint(names)
