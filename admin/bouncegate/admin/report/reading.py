"""Where a report reads: the journal of the store, and the ledger of sends where there is one."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.report.counting import Counting, Scope, count, count_addresses, count_sends
from bouncegate.admin.report.filters import Filters
from bouncegate.policy.providers import Providers
from bouncegate.store.entry import KEY, Sent
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_BATCH: Final = 2000
_EVER: Final = (1 << 32) - 1
_MOST_DOMAINS: Final = 100_000


class Sources(NamedTuple):
    """Where a report reads."""

    store: Store
    ledger: Ledger | None
    provider_of: Callable[[str], str]
    """Who runs the mail of a domain, as far as it is known now."""


def as_kept(store: Store, filters: Filters) -> Filters:
    """What is asked for, from when on no bounce of it has gone; raises StoreError.

    Retention keeps the bounces of addresses that a lock holds and lets others go: a share of what
    is left would be of nothing.
    """
    return replace(filters, since=max(filters.since, store.arrivals.whole_since()))


def sends_since(ledger: Ledger | None, since: int) -> int | None:
    """From when on, not before `since`, all sends are known; None: they are not.

    Raises StoreError.
    """
    oldest = 0 if ledger is None else ledger.times()[0]
    return max(oldest, since) if oldest else None


def sends(ledger: Ledger, since: int, until: int) -> Iterator[Sent]:
    """What was sent in a period, part by part of a message's recipients; 0: until now.

    Raises StoreError.
    """
    place = KEY.pack(since, b"", 0)
    while batch := ledger.walk(place, until or _EVER, _BATCH):
        yield from (sent for _, sent in batch if sent.was_sent)
        place = batch[-1][0]


def providers_now(store: Store, providers: Providers) -> Callable[[str], str]:
    """Who runs the mail of a domain, as far as it is known now; raises StoreError."""

    @lru_cache(_MOST_DOMAINS)
    def provider_of(domain: str) -> str:
        return providers.provider_of(domain, store.mx.of(domain).mx_hosts)

    return provider_of


def read(
    sources: Sources, scope: Scope, countings: Sequence[Counting], *, addresses: bool = False
) -> None:
    """Count what came, or whom it concerned, and what was sent; raises StoreError."""
    arrivals, filters = sources.store.arrivals, scope.filters
    if addresses:
        count_addresses(arrivals.by_address(), scope, countings)
    else:
        count(arrivals.since(filters.since), scope, countings)
    if sources.ledger is not None and scope.sends_since is not None:
        sent = sends(sources.ledger, scope.sends_since, filters.until)
        count_sends(sent, filters, countings, sources.provider_of)
