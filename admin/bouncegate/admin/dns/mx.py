"""Who takes the mail of a domain: its MX hosts, else the domain itself (RFC 5321, 5.1)."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, cast

import dns.exception
import dns.name
import dns.rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX

from bouncegate.admin.dns.answer import DnsAnswer
from bouncegate.policy.mx import MxAnswer, MxHost

Ask = Callable[[dns.name.Name, RdataType], Awaitable[DnsAnswer]]
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
    answer = await ask(name, RdataType.MX)
    if answer.outcome == "found":
        return await _of_exchanges(answer, ask)
    if answer.outcome == "none":
        return await _of_addresses(domain, name, ask, answer.ttl)
    if answer.outcome == "nxdomain":
        return MxAnswer("nxdomain", ttl=answer.ttl)
    return MxAnswer("unknown", why=answer.why)


async def _of_exchanges(answer: DnsAnswer, ask: Ask) -> MxAnswer:
    exchanges = cast(tuple[MX, ...], answer.records)
    if len(exchanges) == 1 and exchanges[0].exchange == dns.name.root:
        return MxAnswer("null-mx", ttl=answer.ttl)
    hosts = sorted(_hosts(exchanges))[:MOST_HOSTS]
    if not hosts:
        return MxAnswer("unknown", why="no MX names a host that can be asked for")
    if len(hosts) <= _MOST_ASKED and not await _any_exists(hosts, ask):
        return MxAnswer("no-host", ttl=answer.ttl)
    return MxAnswer("ok", tuple(hosts), answer.ttl)


async def _any_exists(hosts: Iterable[MxHost], ask: Ask) -> bool:
    """Whether a host has an address, or may have one: of which the answer is not known."""
    for host in hosts:
        name = dns.name.from_text(host.name)
        for kind in _ADDRESSES:
            answer = await ask(name, kind)
            if answer.outcome in ("found", "failed"):
                return True
            if answer.outcome == "nxdomain":
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
        answer = await ask(name, kind)
        ttl = min(ttl, answer.ttl)
        if answer.outcome == "found":
            return MxAnswer("ok", (MxHost(0, domain),), ttl)
        if answer.outcome != "none":  # that there is no such name cannot be, after "no such record"
            failed = answer.why or "the name is denied, and was known a moment before"
    return MxAnswer("unknown", why=failed) if failed else MxAnswer("no-mx", ttl=ttl)
