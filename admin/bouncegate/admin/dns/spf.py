"""Whether a domain permits an address to send in its name: check_host() of RFC 7208.

Own code, because no library fits: pyspf is untyped, blocks, and has had no release for years;
checkdmarc evaluates no address and brings many dependencies. `ptr` is not evaluated (5.5 says not
to use it), nor are macros that differ between messages: if they decide, the result is "unknown".
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Literal, NamedTuple, cast

import dns.exception
import dns.name
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from bouncegate.admin.dns.answer import DnsAnswer
from bouncegate.admin.dns.mx import Ask
from bouncegate.admin.dns.spfmacros import Unknowable, expanded
from bouncegate.admin.dns.spfrecord import VERSION, Directive, Malformed, record_of

Result = Literal[
    "pass", "fail", "softfail", "neutral", "none", "permerror", "temperror", "unknown"
]  # fmt: skip
Address = IPv4Address | IPv6Address

# RFC 7208, 4.6.4: terms with DNS lookups, void lookups, and hosts of one mx.
_MOST_LOOKUPS: Final = 10
_MOST_VOID: Final = 2
_MOST_HOSTS: Final = 10
_LONGEST_TERM: Final = 200


class SpfResult(NamedTuple):
    """The result of check_host()."""

    result: Result
    term: str = ""
    """The term that decided, as written in the record."""


class _Decided(Exception):
    """Ends the evaluation of nested records; not an error."""

    def __init__(self, result: Result, term: str) -> None:
        super().__init__(result)
        self.result = SpfResult(result, term[:_LONGEST_TERM])


async def check_host(address: Address, domain: str, ask: Ask) -> SpfResult:
    """Evaluate a domain's record for an address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    try:
        return await _Check(mapped or address, ask, domain).of(domain, domain)
    except _Decided as decided:
        return decided.result


def spf_records(answer: DnsAnswer) -> tuple[str, ...]:
    """The SPF records among the TXT records of a domain (RFC 7208, 4.5)."""
    return tuple(text for text in texts(answer) if text.split(" ")[0].lower() == VERSION)


def texts(answer: DnsAnswer) -> Iterable[str]:
    """TXT records, each joined from its strings without a space (RFC 7208, 3.3)."""
    for record in cast(tuple[TXT, ...], answer.records):
        yield b"".join(record.strings).decode("ascii", "replace")


class _Check:
    """One call of check_host(), with its remaining lookups."""

    def __init__(self, address: Address, ask: Ask, sender: str) -> None:
        self._address = address
        self._ask = ask
        self._sender = sender
        self._lookups = _MOST_LOOKUPS
        self._void = _MOST_VOID
        self._mechanisms: Mapping[str, Callable[[str, Directive], Awaitable[bool]]] = {
            "all": self._all, "include": self._include, "a": self._a, "mx": self._mx,
            "ip4": self._ip, "ip6": self._ip, "exists": self._exists, "ptr": self._ptr,
        }  # fmt: skip

    async def of(self, domain: str, term: str) -> SpfResult:
        answer = await self._asked(domain, RdataType.TXT, term)
        match spf_records(answer):
            case ():
                return SpfResult("none", term)
            case (text,):
                return await self._judged(domain, text)
            case _:
                raise _Decided("permerror", term)

    async def _judged(self, domain: str, text: str) -> SpfResult:
        try:
            record = record_of(text)
        except Malformed as error:
            raise _Decided("permerror", str(error)) from None
        for directive in record.directives:
            if await self._mechanisms[directive.mechanism](domain, directive):
                return SpfResult(directive.qualifier, directive.text[:_LONGEST_TERM])
        if not record.redirect:
            return SpfResult("neutral")
        term = f"redirect={record.redirect}"
        result = await self._nested(domain, record.redirect, term)
        if result.result == "none":  # RFC 7208, 6.1
            raise _Decided("permerror", term)
        return result

    async def _nested(self, domain: str, target: str, term: str) -> SpfResult:
        self._spend(term)
        return await self.of(self._name(domain, target, term), term)

    async def _all(self, _domain: str, _directive: Directive) -> bool:
        return True

    async def _include(self, domain: str, directive: Directive) -> bool:
        result = await self._nested(domain, directive.domain, directive.text)
        if result.result == "none":  # RFC 7208, 5.2
            raise _Decided("permerror", directive.text)
        return result.result == "pass"

    async def _a(self, domain: str, directive: Directive) -> bool:
        self._spend(directive.text)
        return await self._at(self._target(domain, directive), directive)

    async def _mx(self, domain: str, directive: Directive) -> bool:
        self._spend(directive.text)
        name = self._target(domain, directive)
        answer = await self._found(name, RdataType.MX, directive.text)
        hosts = [one.exchange.to_text() for one in cast(tuple[MX, ...], answer.records)]
        if len(hosts) > _MOST_HOSTS:
            raise _Decided("permerror", directive.text)
        for host in hosts:
            if host != "." and await self._at(host, directive):
                return True
        return False

    async def _ip(self, _domain: str, directive: Directive) -> bool:
        network = directive.network
        assert network is not None, "the grammar demands it"
        return network.version == self._address.version and self._address in network

    async def _exists(self, domain: str, directive: Directive) -> bool:
        self._spend(directive.text)
        name = self._target(domain, directive)
        return bool((await self._found(name, RdataType.A, directive.text)).records)

    async def _ptr(self, _domain: str, directive: Directive) -> bool:
        self._spend(directive.text)
        raise _Decided("unknown", directive.text)

    async def _at(self, name: str, directive: Directive) -> bool:
        is_old = isinstance(self._address, IPv4Address)
        kind = RdataType.A if is_old else RdataType.AAAA
        length = directive.length4 if is_old else directive.length6
        answer = await self._found(name, kind, directive.text)
        found = (ip_address(one.address) for one in cast(tuple[A | AAAA, ...], answer.records))
        return any(self._address in ip_network((one, length), strict=False) for one in found)

    def _target(self, domain: str, directive: Directive) -> str:
        if not directive.domain:
            return domain
        return self._name(domain, directive.domain, directive.text)

    def _name(self, domain: str, target: str, term: str) -> str:
        try:
            return expanded(target, domain, self._sender, self._address)
        except Unknowable:
            raise _Decided("unknown", term) from None

    async def _found(self, domain: str, kind: RdataType, term: str) -> DnsAnswer:
        """The answer for a term; counts void lookups."""
        answer = await self._asked(domain, kind, term)
        self._void -= not answer.records
        if self._void < 0:
            raise _Decided("permerror", term)
        return answer

    async def _asked(self, domain: str, kind: RdataType, term: str) -> DnsAnswer:
        try:
            name = dns.name.from_text(domain)
        except (dns.exception.DNSException, UnicodeError):
            raise _Decided("permerror", term) from None
        answer = await self._ask(name, kind)
        if answer.outcome == "failed":
            raise _Decided("temperror", term)
        return answer

    def _spend(self, term: str) -> None:
        self._lookups -= 1
        if self._lookups < 0:
            raise _Decided("permerror", term)
