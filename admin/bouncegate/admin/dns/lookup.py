"""Who takes the mail of a domain: its MX hosts, else the domain itself (RFC 5321, 5.1)."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, cast

import dns.exception
import dns.name
import dns.rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX

from bouncegate.admin.dns.reply import Reply
from bouncegate.policy.mx import MxAnswer, MxHost

Ask = Callable[[dns.name.Name, RdataType], Awaitable[Reply]]
"""Asks one question."""

# Postfix tries at most 5 addresses of a domain (smtp_mx_address_limit); what stands behind so many
# hosts is never tried by anybody.
MOST_HOSTS: Final = 20
# A name in DNS may hold any octets (RFC 2181, 11); a host that is to be connected to may not.
_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")
_LONGEST_NAME: Final = 253
_ADDRESSES: Final = (RdataType.A, RdataType.AAAA)
# Of so many hosts it is asked whether they have an address; mostly the first one has.
_MOST_ASKED: Final = 5


async def look_up(domain: str, ask: Ask) -> MxAnswer:
    """Who takes the mail of a canonical domain."""
    try:
        name = dns.name.from_text(domain)
    except (dns.exception.DNSException, UnicodeError) as error:
        return MxAnswer("unknown", why=f"{domain!r} is no name: {type(error).__name__}")
    reply = await ask(name, RdataType.MX)
    if reply.outcome == "found":
        return await _of_exchanges(reply, ask)
    if reply.outcome == "none":
        return await _of_addresses(domain, name, ask, reply.ttl)
    if reply.outcome == "nxdomain":
        return MxAnswer("nxdomain", ttl=reply.ttl)
    return MxAnswer("unknown", why=reply.why)


async def _of_exchanges(reply: Reply, ask: Ask) -> MxAnswer:
    exchanges = cast(tuple[MX, ...], reply.records)
    if len(exchanges) == 1 and exchanges[0].exchange == dns.name.root:
        return MxAnswer("null-mx", ttl=reply.ttl)
    hosts = sorted(_hosts(exchanges))[:MOST_HOSTS]
    if not hosts:
        return MxAnswer("unknown", why="no MX names a host that can be asked for")
    if len(hosts) <= _MOST_ASKED and not await _any_exists(hosts, ask):
        return MxAnswer("no-host", ttl=reply.ttl)
    return MxAnswer("ok", tuple(hosts), reply.ttl)


async def _any_exists(hosts: Iterable[MxHost], ask: Ask) -> bool:
    """Whether a host has an address, or may have one: of which the answer is not known."""
    for host in hosts:
        name = dns.name.from_text(host.name)
        for kind in _ADDRESSES:
            reply = await ask(name, kind)
            if reply.outcome in ("found", "failed"):
                return True
            if reply.outcome == "nxdomain":
                break
    return False


def _hosts(exchanges: Iterable[MX]) -> Iterable[MxHost]:
    for exchange in exchanges:
        name = exchange.exchange.to_text(omit_final_dot=True).lower()
        if len(name) <= _LONGEST_NAME and _HOST.fullmatch(name):
            yield MxHost(int(exchange.preference), name)


async def _of_addresses(domain: str, name: dns.name.Name, ask: Ask, ttl: int) -> MxAnswer:
    """A domain without MX takes its mail itself, if it has an address."""
    failed = ""
    for kind in _ADDRESSES:
        reply = await ask(name, kind)
        ttl = min(ttl, reply.ttl)
        if reply.outcome == "found":
            return MxAnswer("ok", (MxHost(0, domain),), ttl)
        if reply.outcome != "none":  # that there is no such name cannot be, after "no such record"
            failed = reply.why or "the name is denied, and was known a moment before"
    return MxAnswer("unknown", why=failed) if failed else MxAnswer("no-mx", ttl=ttl)
