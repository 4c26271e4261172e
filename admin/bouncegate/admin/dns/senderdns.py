"""How receivers see our mail: MX, SPF, DMARC, DKIM and PTR records, looked up as they do."""

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

import dns.name
import dns.resolver
from dns.rdatatype import RdataType

from bouncegate.admin.dns.answer import DnsAnswer, ask
from bouncegate.admin.dns.dkim import KeyRecord, key_of
from bouncegate.admin.dns.dmarc import Policy, policy_of
from bouncegate.admin.dns.mx import Ask, look_up
from bouncegate.admin.dns.nameservers import Budget, resolver_of
from bouncegate.admin.dns.reverse import ReverseNames, names_of
from bouncegate.admin.dns.spf import SpfResult, check_host, spf_records
from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import MxAnswer


class SenderRecords(NamedTuple):
    """The records of one domain."""

    mail: MxAnswer
    """Its MX hosts."""
    spf: tuple[str, ...] | None
    """Its SPF records; there must be exactly one (RFC 7208, 3.2). None: unknown."""
    spf_results: dict[str, SpfResult]
    """By address, whether SPF permits it."""
    policy: Policy


class SourceAddress(NamedTuple):
    """An address that our mail comes from."""

    address: str
    names: ReverseNames


class DkimSelector(NamedTuple):
    """One DKIM selector of one domain."""

    selector: str
    domain: str
    key: KeyRecord


class SenderDns(NamedTuple):
    """All answers."""

    domains: dict[str, SenderRecords]
    sources: tuple[SourceAddress, ...]
    signing: tuple[DkimSelector, ...]


class Question(NamedTuple):
    """What to look up."""

    domains: tuple[str, ...] = ()
    """Canonical names, of envelope senders and of From lines."""
    addresses: tuple[str, ...] = ()
    """The addresses that receivers see."""
    selectors: tuple[str, ...] = ()
    """Of DKIM, for each domain of `signers`."""
    signers: tuple[str, ...] = ()


def sender_dns(question: Question, settings: DnsSettings) -> SenderDns:
    """Ask DNS all of it, at once as far as the budget goes."""
    return asyncio.run(_asked(question, settings))


async def _asked(question: Question, settings: DnsSettings) -> SenderDns:
    asker = _asker(settings)
    selectors = [(one, domain) for domain in question.signers for one in question.selectors]
    records, names, keys = await asyncio.gather(
        asyncio.gather(*(_records(one, question.addresses, asker) for one in question.domains)),
        asyncio.gather(*(names_of(ip_address(one), asker) for one in question.addresses)),
        asyncio.gather(*(key_of(*one, asker) for one in selectors)),
    )
    return SenderDns(
        dict(zip(question.domains, records, strict=True)),
        tuple(map(SourceAddress, question.addresses, names)),
        tuple(DkimSelector(*one, key) for one, key in zip(selectors, keys, strict=True)),
    )


async def _records(domain: str, addresses: Iterable[str], asker: Ask) -> SenderRecords:
    mail = await look_up(domain, asker)
    if mail.status == "unknown":  # further lookups would fail too, each after its timeout
        return SenderRecords(mail, None, {}, Policy(domain, known=False))
    answer = await asker(dns.name.from_text(domain), RdataType.TXT)
    spf = None if answer.outcome == "failed" else spf_records(answer)
    spf_results = {
        address: await check_host(ip_address(address), domain, asker)
        for address in (addresses if spf else ())
    }
    return SenderRecords(mail, spf, spf_results, await policy_of(domain, asker))


def _asker(settings: DnsSettings) -> Ask:
    """Asks each question once, some at the same time."""
    try:
        resolver = resolver_of(settings, Budget(settings.queries_a_second))
    except (dns.resolver.NoResolverConfiguration, OSError) as error:
        why = f"no resolver: {error}"
        return lambda _name, _kind: _failed(why)
    # More would wait for the budget for longer than a resolver waits for its answer.
    places = asyncio.Semaphore(settings.at_once)
    asked: dict[tuple[dns.name.Name, RdataType], asyncio.Task[DnsAnswer]] = {}

    async def one(name: dns.name.Name, kind: RdataType) -> DnsAnswer:
        async with places:
            return await ask(resolver, name, kind)

    async def once(name: dns.name.Name, kind: RdataType) -> DnsAnswer:
        if (name, kind) not in asked:
            asked[name, kind] = asyncio.create_task(one(name, kind))
        return await asked[name, kind]

    return once


async def _failed(why: str) -> DnsAnswer:
    return DnsAnswer("failed", why=why)
