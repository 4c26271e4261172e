"""The name servers, and the budget of queries a second."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import dns.asyncresolver
import dns.message
import dns.nameserver
import dns.resolver

from bouncegate.config.endpoints import NameServer
from bouncegate.config.settings import DnsSettings

# The size that crosses all networks unfragmented (DNS flag day 2020); longer answers come by TCP.
_UDP_SIZE: Final = 1232


class Budget:
    """A token bucket: so many queries a second, with a burst of one second's."""

    def __init__(self, a_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start full; `clock` is in seconds."""
        self._rate = float(a_second)
        self._clock = clock
        self._tokens = self._rate
        self._refilled = clock()

    async def spend(self) -> None:
        """Wait until the next query may be sent."""
        while (pause := self.take()) > 0:
            await asyncio.sleep(pause)

    def take(self) -> float:
        """Take a token and return 0, or return the seconds until there may be one."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class _RateLimitedServer(dns.nameserver.Do53Nameserver):
    """A name server that spends the budget for each query, retries too."""

    def __init__(self, server: NameServer, budget: Budget) -> None:
        super().__init__(server.host, server.port)
        self._budget = budget

    async def async_query(
        self, request: dns.message.QueryMessage, *args: Any, **kwargs: Any
    ) -> dns.message.Message:
        await self._budget.spend()
        return await super().async_query(request, *args, **kwargs)


def resolver_of(settings: DnsSettings, budget: Budget) -> dns.asyncresolver.Resolver:
    """A resolver with these settings, or with the system's name servers if they list none.

    Raises dns.resolver.NoResolverConfiguration if there are none.
    """
    resolver = dns.asyncresolver.Resolver(configure=False)
    servers = settings.resolvers or tuple(_of_the_system())
    resolver.nameservers = [_RateLimitedServer(server, budget) for server in servers]
    resolver.lifetime = float(settings.timeout.after(0))
    # A server that does not answer must leave time for the next one.
    resolver.timeout = max(resolver.lifetime / (len(servers) + 1), 0.5)
    resolver.use_edns(0, 0, _UDP_SIZE)
    resolver.flags = None
    resolver.search = []
    return resolver


def _of_the_system() -> Iterable[NameServer]:
    """Those of resolv.conf(5), read each time, since the network may change."""
    for address in dns.resolver.Resolver(configure=True).nameservers:
        yield NameServer(str(address))
