"""The name servers that are asked, within a budget of questions a second."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import dns.asyncresolver
import dns.message
import dns.nameserver
import dns.resolver

from bouncegate.config.settings import DnsSettings
from bouncegate.config.values import NameServer

# What crosses all networks in one piece (the DNS flag day of 2020); a longer answer comes by TCP.
_UDP_SIZE: Final = 1232


class Budget:
    """A token bucket: so many questions a second, and at most those of one second at once."""

    def __init__(self, a_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start full; `clock` tells seconds."""
        self._rate = float(a_second)
        self._clock = clock
        self._tokens = self._rate
        self._told = clock()

    async def spend(self) -> None:
        """Return when the next question may be asked."""
        while (pause := self.take()) > 0:
            await asyncio.sleep(pause)

    def take(self) -> float:
        """Take a token and tell 0, or tell in how many seconds there may be one."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._told) * self._rate)
        self._told = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class _RateLimitedServer(dns.nameserver.Do53Nameserver):
    """A name server of which each question is counted, those that are repeated too."""

    def __init__(self, server: NameServer, budget: Budget) -> None:
        super().__init__(server.host, server.port)
        self._budget = budget

    async def async_query(
        self, request: dns.message.QueryMessage, *args: Any, **kwargs: Any
    ) -> dns.message.Message:
        await self._budget.spend()
        return await super().async_query(request, *args, **kwargs)


def resolver_of(settings: DnsSettings, budget: Budget) -> dns.asyncresolver.Resolver:
    """A resolver under these settings, and the system's where they name none.

    Raises dns.resolver.NoResolverConfiguration where there is none at all.
    """
    resolver = dns.asyncresolver.Resolver(configure=False)
    servers = settings.resolvers or tuple(_of_the_system())
    resolver.nameservers = [_RateLimitedServer(server, budget) for server in servers]
    resolver.lifetime = float(settings.timeout.after(0))
    # One server that keeps silent must leave time to ask the next one.
    resolver.timeout = max(resolver.lifetime / (len(servers) + 1), 0.5)
    resolver.use_edns(0, 0, _UDP_SIZE)
    resolver.flags = None
    resolver.search = []
    return resolver


def _of_the_system() -> Iterable[NameServer]:
    """Those of resolv.conf(5), read anew each time: a machine changes its network."""
    for address in dns.resolver.Resolver(configure=True).nameservers:
        yield NameServer(str(address))
