"""A purge, told to endpoints: they know the address by its internal id, and are to remove it too.

The journal cannot tell it, for it holds nothing of the address any more. What waits for an endpoint
goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Final

from bouncegate.config.settings import StoreSettings
from bouncegate.store.store import Store
from bouncegate.web.events.event import AddressPurged, Maker, about
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.service import host_name

_AT_ONCE: Final = 1000


def note_purges(settings: StoreSettings, store: Store, addresses: Iterable[str], now: int) -> None:
    """Before addresses are purged: tell it, and drop what waits about them. Raises StoreError."""
    make, last = Maker(host_name()), store.journal.last()
    ids = sorted(about(address)[1] for address in addresses)
    told = [(now, make(AddressPurged(one), now, last, one), "") for one in ids]
    with closing(EventStore.open(settings, readonly=False)) as events:
        events.purge(frozenset(ids))
        for start in range(0, len(told), _AT_ONCE):
            events.outbox.add(told[start : start + _AT_ONCE], {})
