"""Whether a domain lets an address send in its name: check_host() of RFC 7208, within its limits.

Macros are not expanded, and `ptr` is not followed (RFC 7208, 5.5 asks not to use it): where the
verdict hangs on one of them it is "unknown".
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Literal, NamedTuple, cast

import dns.exception
import dns.name
from bouncegate.dns.lookup import Ask
from bouncegate.dns.reply import Reply
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

Result = Literal[
    "pass", "fail", "softfail", "neutral", "none", "permerror", "temperror", "unknown"
]  # fmt: skip
Address = IPv4Address | IPv6Address

_VERSION: Final = "v=spf1"
_IPV4: Final = 4
_QUALIFIERS: Final[Mapping[str, Result]] = {
    "": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral",
}  # fmt: skip
_TERM: Final = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9_.-]*)(?:[:=](?P<value>[^/]*))?"
    r"(?:/(?P<length>\d{1,3}))?(?://(?P<second>\d{1,3}))?",
    re.IGNORECASE,
)
# RFC 7208, 4.6.4: terms that ask DNS, and hosts of one mx.
_MOST_LOOKUPS: Final = 10
_MOST_HOSTS: Final = 10
_LONGEST_TERM: Final = 200


class Verdict(NamedTuple):
    """What check_host() says."""

    result: Result
    term: str = ""
    """The term that decided, as it stands in the record."""


class _Decided(Exception):
    """No error: the way out of nested records."""

    def __init__(self, result: Result, term: str) -> None:
        super().__init__(result)
        self.verdict = Verdict(result, term[:_LONGEST_TERM])


async def check_host(address: Address, domain: str, ask: Ask) -> Verdict:
    """The verdict of a domain's record about an address."""
    try:
        return await _Check(address, ask).of(domain, domain)
    except _Decided as decided:
        return decided.verdict


def spf_records(reply: Reply) -> tuple[str, ...]:
    """The SPF records among the TXT records of a domain (RFC 7208, 4.5)."""
    return tuple(text for text in texts(reply) if text.split(" ")[0].lower() == _VERSION)


def texts(reply: Reply) -> Iterable[str]:
    """TXT records, each joined from its strings without a space (RFC 7208, 3.3)."""
    for record in cast(tuple[TXT, ...], reply.records):
        yield b"".join(record.strings).decode("ascii", "replace")


class _Check:
    """One call of check_host(), with what it may still ask."""

    def __init__(self, address: Address, ask: Ask) -> None:
        self._address = address
        self._ask = ask
        self._lookups = _MOST_LOOKUPS
        self._mechanisms: Mapping[str, Callable[[str, re.Match[str]], Awaitable[bool]]] = {
            "all": self._all, "include": self._include, "a": self._a, "mx": self._mx,
            "ip4": self._ip, "ip6": self._ip, "exists": self._exists, "ptr": self._ptr,
        }  # fmt: skip

    async def of(self, domain: str, term: str) -> Verdict:
        reply = await self._asked(domain, RdataType.TXT, term)
        match spf_records(reply):
            case ():
                return Verdict("none", term)
            case (record,):
                return await self._judged(domain, record.split()[1:])
            case _:
                raise _Decided("permerror", term)

    async def _judged(self, domain: str, terms: list[str]) -> Verdict:
        redirect = ""
        for term in terms:
            found = _TERM.fullmatch(term)
            if found is None:
                raise _Decided("permerror", term)
            name = found["name"].lower()
            if name in self._mechanisms:
                if await self._mechanisms[name](domain, found):
                    return Verdict(_QUALIFIERS[found["qualifier"]], term[:_LONGEST_TERM])
            elif "=" not in term:  # RFC 7208, 4.6: modifiers may be unknown, mechanisms may not
                raise _Decided("permerror", term)
            elif name == "redirect":
                redirect = term
        return await self._redirected(redirect) if redirect else Verdict("neutral")

    async def _redirected(self, term: str) -> Verdict:
        self._spend(term)
        verdict = await self.of(_plain(term.partition("=")[2], term), term)
        if verdict.result == "none":  # RFC 7208, 6.1
            raise _Decided("permerror", term)
        return verdict

    async def _all(self, _domain: str, _term: re.Match[str]) -> bool:
        return True

    async def _include(self, _domain: str, term: re.Match[str]) -> bool:
        self._spend(term[0])
        verdict = await self.of(_plain(term["value"] or "", term[0]), term[0])
        if verdict.result == "none":  # RFC 7208, 5.2
            raise _Decided("permerror", term[0])
        return verdict.result == "pass"

    async def _a(self, domain: str, term: re.Match[str]) -> bool:
        self._spend(term[0])
        return await self._at(_plain(term["value"] or domain, term[0]), term)

    async def _mx(self, domain: str, term: re.Match[str]) -> bool:
        self._spend(term[0])
        name = _plain(term["value"] or domain, term[0])
        reply = await self._asked(name, RdataType.MX, term[0])
        hosts = [one.exchange.to_text() for one in cast(tuple[MX, ...], reply.records)]
        if len(hosts) > _MOST_HOSTS:
            raise _Decided("permerror", term[0])
        for host in hosts:
            if host != "." and await self._at(host, term):
                return True
        return False

    async def _ip(self, _domain: str, term: re.Match[str]) -> bool:
        try:
            return self._within(ip_address(term["value"] or ""), term)
        except ValueError:
            raise _Decided("permerror", term[0]) from None

    async def _exists(self, _domain: str, term: re.Match[str]) -> bool:
        self._spend(term[0])
        reply = await self._asked(_plain(term["value"] or "", term[0]), RdataType.A, term[0])
        return bool(reply.records)

    async def _ptr(self, _domain: str, term: re.Match[str]) -> bool:
        raise _Decided("unknown", term[0])

    async def _at(self, name: str, term: re.Match[str]) -> bool:
        kind = RdataType.A if self._address.version == _IPV4 else RdataType.AAAA
        reply = await self._asked(name, kind, term[0])
        found = (ip_address(one.address) for one in cast(tuple[A | AAAA, ...], reply.records))
        return any(self._within(one, term) for one in found)

    def _within(self, base: Address, term: re.Match[str]) -> bool:
        if base.version != self._address.version:
            return False
        # The length of IPv6 stands behind two slashes, but for ip6 itself (RFC 7208, 5.3 and 5.6).
        first = base.version == _IPV4 or term["name"].lower() == "ip6"
        length = term["length" if first else "second"]
        try:
            return self._address in ip_network((base, int(length or base.max_prefixlen)), False)
        except ValueError:
            raise _Decided("permerror", term[0]) from None

    async def _asked(self, domain: str, kind: RdataType, term: str) -> Reply:
        try:
            name = dns.name.from_text(domain)
        except (dns.exception.DNSException, UnicodeError):
            raise _Decided("permerror", term) from None
        reply = await self._ask(name, kind)
        if reply.outcome == "failed":
            raise _Decided("temperror", term)
        return reply

    def _spend(self, term: str) -> None:
        self._lookups -= 1
        if self._lookups < 0:
            raise _Decided("permerror", term)


def _plain(name: str, term: str) -> str:
    if "%" in name:
        raise _Decided("unknown", term)
    if not name:
        raise _Decided("permerror", term)
    return name
