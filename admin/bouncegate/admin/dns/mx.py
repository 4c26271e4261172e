"""MX lookup: the hosts that accept the mail of a domain, or the domain itself (RFC 5321, 5.1)."""

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
"""Asks DNS one question."""

# Postfix tries at most 5 addresses of a domain (smtp_mx_address_limit), and no server more than
# these.
MOST_HOSTS: Final = 20
# A name in DNS may contain any octets (RFC 2181, 11); a host name may not.
_HOST: Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")
_LONGEST_NAME: Final = 253
_ADDRESSES: Final = (RdataType.A, RdataType.AAAA)
# So many hosts are asked for an address; usually the first one has one.
_MOST_ASKED: Final = 5


async def look_up(domain: str, ask: Ask) -> MxAnswer:
    """The MX hosts of a canonical domain, or why it has none."""
    try:
        name = dns.name.from_text(domain)
    except (dns.exception.DNSException, UnicodeError) as error:
        return MxAnswer("unknown", why=f"invalid name {domain!r}: {type(error).__name__}")
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
        return MxAnswer("unknown", why="no MX record has a valid host name")
    if len(hosts) <= _MOST_ASKED and not await _any_exists(hosts, ask):
        return MxAnswer("no-host", ttl=answer.ttl)
    return MxAnswer("ok", tuple(hosts), answer.ttl)


async def _any_exists(hosts: Iterable[MxHost], ask: Ask) -> bool:
    """Whether a host has an address, or may have one because a lookup failed."""
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
    """A domain without MX records is its own mail host, if it has an address."""
    failed = ""
    for kind in _ADDRESSES:
        answer = await ask(name, kind)
        ttl = min(ttl, answer.ttl)
        if answer.outcome == "found":
            return MxAnswer("ok", (MxHost(0, domain),), ttl)
        if answer.outcome != "none":  # NXDOMAIN contradicts the earlier NODATA
            failed = answer.why or "contradicting answers: NXDOMAIN after NODATA"
    return MxAnswer("unknown", why=failed) if failed else MxAnswer("no-mx", ttl=ttl)
