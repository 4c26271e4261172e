"""The answer to one question, from a response of a name server.

A denial is accepted only with the SOA of the zone: of the name or of a domain above it (RFC 2308, 2
and 5). Lame servers, filters and servers that invent answers leave it out or give one of their own.
The SOA of the root denies a name below a top-level domain that does not exist: it is accepted if
the root denies that domain too.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.asyncresolver import Resolver
from dns.rdatatype import RdataType

Outcome = Literal["found", "none", "nxdomain", "failed"]

_LONGEST_WHY: Final = 200


class DnsAnswer(NamedTuple):
    """The answer to one question."""

    outcome: Outcome
    """`none`: the name exists, but has no such record."""
    records: tuple[dns.rdata.Rdata, ...] = ()
    ttl: int = 0
    """In seconds; of a denial that of the zone's negative answers (RFC 2308, 5)."""
    why: str = ""


async def ask(resolver: Resolver, name: dns.name.Name, kind: RdataType) -> DnsAnswer:
    """Ask one question; a failure is an answer too."""
    try:
        answer = await resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN as denial:
        responses: Mapping[dns.name.Name, dns.message.QueryMessage] = denial.kwargs["responses"]
        return await _nxdomain(resolver, name, responses[name])
    except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
        return DnsAnswer("failed", why=_reason(error))
    if answer.rrset is None:
        return _denial("none", answer.response)
    ttl = answer.chaining_result.minimum_ttl
    return DnsAnswer("found", tuple(answer.rrset), int(ttl))


async def _nxdomain(
    resolver: Resolver, name: dns.name.Name, response: dns.message.QueryMessage
) -> DnsAnswer:
    answer = _denial("nxdomain", response)
    if answer.outcome == "nxdomain" or not _has_soa(response, dns.name.root):
        return answer
    chain = response.resolve_chaining()
    top = dns.name.Name(chain.canonical_name.labels[-2:])
    if name == top or await _root_denies(resolver, top):
        return DnsAnswer("nxdomain", ttl=int(chain.minimum_ttl))
    return answer


async def _root_denies(resolver: Resolver, top: dns.name.Name) -> bool:
    """Whether the root denies a top-level domain; False if the lookup fails."""
    try:
        await resolver.resolve(top, RdataType.SOA, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN as denial:
        return _has_soa(denial.kwargs["responses"][top], dns.name.root)
    except (dns.exception.DNSException, OSError, EOFError, ValueError):
        return False
    return False


def _has_soa(response: dns.message.QueryMessage, owner: dns.name.Name) -> bool:
    return any(s.rdtype == RdataType.SOA and s.name == owner for s in response.authority)


def _denial(outcome: Outcome, response: dns.message.QueryMessage) -> DnsAnswer:
    chain = response.resolve_chaining()
    for rrset in response.authority:
        above = chain.canonical_name.is_subdomain(rrset.name)
        if rrset.rdtype == dns.rdatatype.SOA and above and rrset.name != dns.name.root:
            return DnsAnswer(outcome, ttl=int(chain.minimum_ttl))
    return DnsAnswer("failed", why=f"{outcome} without the SOA of the zone")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_WHY]
