"""The provider of an address, as far as it is known without a DNS query.

Events never wait for DNS: an event has the provider that is known when it arrives. Missing or
expired answers are queried in the background, for later events.
"""

from collections.abc import Callable, Iterable
from typing import Final

from bouncegate.policy.mx import UNASKED, MxHosts
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event
from bouncegate.store.mx import can_be_asked

Known = Callable[[str], MxHosts]
"""From a domain to what is known of it; raises StoreError."""


def nothing(_domain: str) -> MxHosts:
    """What is known where DNS is not asked."""
    return UNASKED


class Directory:
    """Providers by domain name and by DNS answers."""

    def __init__(self, providers: Providers, known: Known = nothing) -> None:
        """Without `known`, providers are found by domain name alone."""
        self._providers = providers
        self._known: Final = known
        self._last = "", UNASKED
        """What was read for the last event: most bounces have one, and it is asked for at once."""

    def provider_of(self, address: str) -> str:
        """The provider of a canonical address; raises StoreError."""
        if self._known is nothing:
            return self._providers.provider_of(address)
        domain = _domain_of(address)
        self._last = domain, self._known(domain)
        return self._providers.provider_of(address, self._last[1].mx_hosts)

    def to_ask(self, events: Iterable[Event], now: int) -> tuple[str, ...]:
        """The domains to query in DNS, after their provider was looked up.

        Raises StoreError.
        """
        if self._known is nothing:
            return ()
        domains = {_domain_of(event.address) for event in events if event.address}
        return tuple(domain for domain in sorted(domains) if self._is_old(domain, now))

    def _is_old(self, domain: str, now: int) -> bool:
        if not can_be_asked(domain):
            return False
        last, exchange = self._last
        return (exchange if last == domain else self._known(domain)).asks_again_at() <= now


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2]
