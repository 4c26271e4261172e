"""The sources of a report: the journal of the store, and the ledger of sends if there is one."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.report.counting import (
    Counting,
    Scope,
    count,
    count_addresses,
    count_refusals,
    count_sends,
)
from bouncegate.admin.report.filters import Filters
from bouncegate.policy.providers import Providers
from bouncegate.store.entry import KEY, Sent
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_BATCH: Final = 2000
_EVER: Final = (1 << 32) - 1
_MOST_DOMAINS: Final = 100_000


class Sources(NamedTuple):
    """The sources of a report."""

    store: Store
    ledger: Ledger | None
    provider_of: Callable[[str], str]
    """The current provider of a domain, as far as known."""


def as_kept(store: Store, filters: Filters) -> Filters:
    """The filters, limited to the time from which no bounce was deleted; raises StoreError.

    Retention keeps the bounces of locked addresses and deletes others: a rate of the rest would be
    wrong.
    """
    return replace(filters, since=max(filters.since, store.arrivals.whole_since()))


def sends_since(ledger: Ledger | None, since: int) -> int | None:
    """The time, not before `since`, from which all sends are known; None: never.

    Raises StoreError.
    """
    oldest = 0 if ledger is None else ledger.times()[0]
    return max(oldest, since) if oldest else None


def sends(ledger: Ledger, since: int, until: int) -> Iterator[Sent]:
    """The sends of a period, maybe several for one message; `until` 0: now. Raises StoreError."""
    position = KEY.pack(since, b"", 0)
    while batch := ledger.walk(position, until or _EVER, _BATCH):
        yield from (sent for _, sent in batch if sent.was_sent)
        position = batch[-1][0]


def providers_now(store: Store, providers: Providers) -> Callable[[str], str]:
    """A cached function from a domain to its current provider; it raises StoreError."""

    @lru_cache(_MOST_DOMAINS)
    def provider_of(domain: str) -> str:
        return providers.provider_of(domain, store.mx.of(domain).mx_hosts)

    return provider_of


def read(
    sources: Sources, scope: Scope, countings: Sequence[Counting], *, addresses: bool = False
) -> None:
    """Count bounces, or the addresses that bounced, sends and refusals; raises StoreError."""
    arrivals, filters = sources.store.arrivals, scope.filters
    if addresses:
        count_addresses(arrivals.by_address(), scope, countings)
    else:
        count(arrivals.since(filters.since), scope, countings)
    if sources.ledger is not None:
        refusals = sources.ledger.refusals.between(filters.since, filters.until)
        count_refusals(refusals, filters, countings, sources.provider_of)
    if sources.ledger is not None and scope.sends_since is not None:
        sent = sends(sources.ledger, scope.sends_since, filters.until)
        count_sends(sent, filters, countings, sources.provider_of)
