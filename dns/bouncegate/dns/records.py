"""What DNS says of a domain of envelope senders: who takes its mail, who may send from it."""

import asyncio
from typing import Final, NamedTuple, cast

import dns.name
import dns.resolver
from bouncegate.config.settings import DnsSettings
from bouncegate.dns.lookup import look_up
from bouncegate.dns.nameservers import Budget, resolver_of
from bouncegate.dns.reply import Reply, ask
from bouncegate.policy.exchange import Answer
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT

_SPF: Final = "v=spf1"


class SenderRecords(NamedTuple):
    """Of one domain."""

    mail: Answer
    """Who takes its mail."""
    spf: tuple[str, ...] | None
    """Its SPF records, of which there must be one (RFC 7208, 3.2); None: unknown."""


def sender_records(domain: str, settings: DnsSettings) -> SenderRecords:
    """Ask; within the time of a few questions there is an answer, of whatever kind."""
    return asyncio.run(_asked(domain, settings))


async def _asked(domain: str, settings: DnsSettings) -> SenderRecords:
    try:
        resolver = resolver_of(settings, Budget(settings.queries_a_second))
    except (dns.resolver.NoResolverConfiguration, OSError) as error:
        return SenderRecords(Answer("unknown", why=f"no resolver: {error}"), None)
    mail = await look_up(domain, lambda name, kind: ask(resolver, name, kind))
    if mail.status == "unknown":
        return SenderRecords(mail, None)
    return SenderRecords(mail, _spf(await ask(resolver, dns.name.from_text(domain), RdataType.TXT)))


def _spf(reply: Reply) -> tuple[str, ...] | None:
    if reply.outcome == "failed":
        return None
    records = cast(tuple[TXT, ...], reply.records)
    texts = (b"".join(record.strings).decode("ascii", "replace") for record in records)
    return tuple(text for text in texts if text.split(" ")[0].lower() == _SPF)
